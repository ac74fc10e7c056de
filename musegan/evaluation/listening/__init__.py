"""Blind listening tests: a page for listeners, and what their answers say."""

from musegan.evaluation.listening.answers import compare_sources, read_answers
from musegan.evaluation.listening.page import QUESTIONS, write_test

__all__ = ["QUESTIONS", "compare_sources", "read_answers", "write_test"]

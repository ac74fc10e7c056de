"""Composed music compared with real music: one table, from any model or folder of files."""

from musegan.evaluation.evaluate import Evaluation, Settings, evaluate

__all__ = ["Evaluation", "Settings", "evaluate"]

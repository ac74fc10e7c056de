"""Folders and archives of music files to one dataset: found, read, mended, quantised, deduplicated, split."""

from musegan.corpus.prepare import PrepareReport, prepare

__all__ = ["PrepareReport", "prepare"]

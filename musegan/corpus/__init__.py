"""From folders and archives of music files to a dataset: find, read, repair, quantise, deduplicate, split."""

from musegan.corpus.prepare import PrepareReport, prepare

__all__ = ["PrepareReport", "prepare"]

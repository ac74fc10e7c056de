"""Composed music compared with real music: one table, from any model or folder of files."""

from musegan.evaluation.evaluate import Settings, evaluate
from musegan.evaluation.ladder import evaluate_ladder
from musegan.evaluation.scores import PhraseMeasure
from musegan.evaluation.table import Evaluation

__all__ = ["Evaluation", "PhraseMeasure", "Settings", "evaluate", "evaluate_ladder"]

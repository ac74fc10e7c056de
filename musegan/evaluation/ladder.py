"""What passes are worth: distances of one model by how often its networks go over a phrase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musegan.corpus.dataset import Dataset
from musegan.evaluation.candidates import ModelCandidate, OnProgress
from musegan.evaluation.evaluate import Settings, begin_evaluation, measure_distances, sample_phrases
from musegan.evaluation.table import Evaluation

if TYPE_CHECKING:
    from musegan.composing.model import Model

PASSES = (1, 2, 4, 16, 48)


def evaluate_ladder(
    model: Model, dataset: Dataset, settings: Settings = Settings(), progress: OnProgress | None = None
) -> Evaluation:
    """The distances that `evaluate` measures, with a row for each of `PASSES`. Raises what `evaluate` raises."""
    report = progress or (lambda stage, share: None)
    rows = [ModelCandidate.from_model(model, f"{n} pass{'es' if n > 1 else ''}", passes=n) for n in PASSES]
    result, reference, real = begin_evaluation(rows, dataset, settings)
    measure_distances(result, sample_phrases(result, reference, real, rows, settings, report), settings, report)
    return result

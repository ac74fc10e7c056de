"""What listeners answered: means of every source, and which of them differ."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.evaluation.listening.page import FORMAT, QUESTIONS, Key
from musegan.metrics.bootstrap import bootstrap_mean
from musegan.schema import make_fields, read_json

ANSWERS_FORMAT = "musegan listening answers 1"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The ratings of one clip."""

    clip: str
    place: int  # in the order in which this listener heard the clips
    seconds: float  # that were heard
    ratings: dict[str, int]  # 1 to 5, by question


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All that one listener answered."""

    format: str
    test: str
    session: str
    listener: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Mean:
    """What listeners think of a source. Every listener counts once, as the mean over all pages."""

    question: str
    source: str
    mean: float
    low: float  # 95 % interval, a bootstrap over listeners
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Whether a difference of two sources may be chance."""

    question: str
    first: str
    second: str
    difference: float  # of the means, first less second
    p: float  # Wilcoxon's signed-rank test over listeners, two-sided
    p_holm: float  # the same, corrected by Holm for all comparisons of the test


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a listening test found."""

    n_listeners: int
    means: tuple[Mean, ...]
    comparisons: tuple[Comparison, ...]


def read_answers(paths: Sequence[Path], key_path: Path) -> tuple[Key, NDArray[np.float64]]:
    """The key of a test, and the mean rating of every listener: ``(listener, source, question)``.

    Raises `ConfigError` naming the file that cannot be read, is of another test, is not complete, or is there
    twice.
    """
    key = _read_file(Key, key_path, FORMAT)
    files = {path: _read_file(Answers, path, ANSWERS_FORMAT) for path in paths}
    known: dict[str, Path] = {}
    for path, found in files.items():
        if found.test != key.test:
            raise ConfigError(f"{path} answers another test than {key_path} is the key of")
        if found.session in known:
            raise ConfigError(f"{path} and {known[found.session]} are the same answers; leave one out")
        known[found.session] = path
    if not files:
        raise ConfigError("there are no answers; give the files that listeners saved")
    return key, np.stack([_average_ratings(found, key, path) for path, found in files.items()])


def _read_file(kind: type, path: Path, wanted: str) -> Any:
    try:
        values = read_json(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    found: Any = make_fields(kind, values, str(path))
    if found.format != wanted:
        raise ConfigError(f"{path} is a {found.format!r}; a {wanted!r} is needed")
    return found


def _average_ratings(found: Answers, key: Key, path: Path) -> NDArray[np.float64]:
    """Of one listener: (source, question)."""
    if sorted(answer.clip for answer in found.answers) != sorted(key.clips):
        raise ConfigError(f"{path} does not answer every clip of the test once")
    total, counts = np.zeros((len(key.sources), len(QUESTIONS))), np.zeros((len(key.sources), 1))
    for answer in found.answers:
        if set(answer.ratings) != set(QUESTIONS) or not all(1 <= value <= 5 for value in answer.ratings.values()):
            raise ConfigError(f"{path}: clip {answer.clip} needs ratings of 1 to 5 of {', '.join(QUESTIONS)}")
        row = key.sources.index(key.clips[answer.clip].source)
        total[row] += [answer.ratings[question] for question in QUESTIONS]
        counts[row] += 1
    return total / counts


def compare_sources(sources: Sequence[str], ratings: NDArray[np.float64]) -> Results:
    """Means with intervals, and all pairs of sources compared.

    Parameters
    ----------
    ratings : (listener, source, question)
        Means over the clips of a source.

    Notes
    -----
    Listeners, not clips, are what is independent, so tests are over listeners: five of them cannot show a
    difference at 5 %, however clear it is. Holm's correction is for all pairs and questions together.
    """
    n_listeners = len(ratings)
    flat = ratings.reshape(n_listeners, -1)
    values = zip(*bootstrap_mean(flat, np.arange(n_listeners)), strict=True)
    cells = itertools.product(sources, QUESTIONS)
    means = [
        Mean(question=question, source=source, mean=float(mean), low=float(low), high=float(high))
        for (source, question), (mean, low, high) in zip(cells, values, strict=True)
    ]
    found = []
    for (a, first), (b, second) in itertools.combinations(enumerate(sources), 2):
        for column, question in enumerate(QUESTIONS):
            gaps = ratings[:, a, column] - ratings[:, b, column]
            found.append((question, first, second, float(gaps.mean()), _test_signed_ranks(gaps)))
    corrected = correct_holm(np.array([p for *_, p in found]))
    comparisons = [
        Comparison(question=question, first=first, second=second, difference=gap, p=p, p_holm=float(holm))
        for (question, first, second, gap, p), holm in zip(found, corrected, strict=True)
    ]
    return Results(n_listeners=n_listeners, means=tuple(means), comparisons=tuple(comparisons))


def _test_signed_ranks(gaps: NDArray[np.float64]) -> float:
    """Wilcoxon's p of paired differences, two-sided; 1 where all are 0. Differences of 0 are left out."""
    from scipy.stats import wilcoxon

    gaps = np.round(gaps, 9)  # means of equal ratings may differ in their last bit
    gaps = gaps[gaps != 0]
    return float(wilcoxon(gaps).pvalue) if len(gaps) else 1.0


def correct_holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities corrected for their number after Holm (1979): same shape and order."""
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected

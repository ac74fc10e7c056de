"""One table that says how near generated music is to real music.

Songs of the test part (`REFERENCE`) are what everything is compared with. Beside the candidates stand phrases of
other real songs (`REAL`), drawn as a model composes them: as many, one a song, of the training part; and these
with their tracks mixed between songs (`MIXED`, the harmony floor). Everything is deterministic under the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from musegan.corpus.dataset import Dataset
from musegan.errors import DatasetError
from musegan.evaluation import longform
from musegan.evaluation.candidates import Candidate, DatasetCandidate, OnProgress, PhraseSet, number_pieces
from musegan.evaluation.distances import (
    FEATURES,
    Features,
    has_enough_songs,
    list_feature_names,
    measure_deviations,
    score_distances,
    score_overlap,
)
from musegan.evaluation.performance import MOST_PHRASES, score_performances
from musegan.evaluation.scores import (
    MIXED,
    REAL,
    REFERENCE,
    PhraseMeasure,
    score_continuations,
    score_custom,
    score_harmony,
    score_long_pieces,
    score_originality,
    score_phrases,
    score_structure,
    score_task,
)
from musegan.evaluation.table import Evaluation, Pair
from musegan.evaluation.tasks import TASKS, continue_pieces, run_task
from musegan.metrics import Rolls, average
from musegan.metrics.features import mix_tracks
from musegan.metrics.originality import Nearest, find_nearest
from musegan.metrics.two_sample import SMALLEST_SET, load_trees


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is measured."""

    n_phrases: int = 2000  # phrases in each row
    phrase_bars: int = 4  # bars of a phrase
    n_pieces: int = 32  # long pieces in each row
    piece_bars: int = 64  # bars of a long piece; 32 where more rows have pieces of these
    n_contexts: int = 32  # phrases completed in each task
    n_draws: int = 8  # completions of each
    n_originality: int = 1000  # phrases whose nearest training phrase is looked for
    min_tracks: int = 3  # tracks that sound in a real phrase
    seed: int = 0


def evaluate(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    settings: Settings = Settings(),
    progress: OnProgress | None = None,
    measures: Sequence[PhraseMeasure] = (),
) -> Evaluation:
    """Measure candidates beside the songs of a dataset.

    Parameters
    ----------
    candidates : list of Candidate
        What they can do (`Candidate.join_bars`, `Candidate.can_fill`) is measured too.
    progress : called with (what is being done, share done), optional
    measures : list of PhraseMeasure
        More measures of phrases, of every row but that of mixed tracks.

    Raises
    ------
    ConfigError
        A candidate is for another ensemble.
    DatasetError
        There is too little music.
    MissingToolError
        scikit-learn is not installed.
    """
    report = progress or (lambda stage, share: None)
    result, reference, real = begin_evaluation(candidates, dataset, settings)
    sets = sample_phrases(result, reference, real, candidates, settings, report)
    for done, (name, phrases) in enumerate(sets.items()):
        report("measuring bars", done / len(sets))
        # Mixing leaves each track as it is, so only what is between tracks is of interest.
        measure = score_harmony if name == MIXED else score_phrases
        result.add_scores(name, measure(phrases, dataset.spec, settings.seed))
        if name != MIXED:
            result.add_scores(name, score_custom(measures, phrases, dataset.spec, settings.seed))
        result.samples[name] = phrases.rolls
    measure_distances(result, sets, settings, report)
    _measure_originality(result, dataset, settings, report)
    _measure_pieces(result, reference, real, candidates, settings, report)
    _measure_tasks(result, reference, candidates, settings, report)
    _measure_performances(result, dataset, candidates, settings, report)
    return result


def begin_evaluation(
    candidates: Sequence[Candidate], dataset: Dataset, settings: Settings
) -> tuple[Evaluation, DatasetCandidate, DatasetCandidate]:
    """An empty table, the held-out songs and the real songs to put beside the candidates, which get names of their
    own."""
    load_trees()  # or it says what is missing, before anything is composed
    taken = {REFERENCE, REAL, MIXED}
    for candidate in candidates:
        dataset.spec.require_same(candidate.spec, str(dataset.path), candidate.name)
        while candidate.name in taken:
            candidate.name += " (2)"
        taken.add(candidate.name)
    splits = ("test", "valid", "train")
    split = next((name for name in splits if len(dataset.windows(settings.phrase_bars, name))), "train")
    result = Evaluation(candidates=[candidate.name for candidate in candidates])
    result.facts |= {"spec": dataset.spec.to_dict(), "split": split, "seed": settings.seed}
    if split == "valid":
        result.notes.append("the dataset has no test part, so held-out songs are those to validate on")
    if split == "train":
        result.notes.append("the dataset holds no songs out, so held-out songs are training songs")
    rows = ((split, REFERENCE), ("train", REAL))
    reference, real = (DatasetCandidate(dataset, part, name, settings.min_tracks) for part, name in rows)
    return result, reference, real


def sample_phrases(
    result: Evaluation,
    reference: DatasetCandidate,
    real: DatasetCandidate,
    candidates: Sequence[Candidate],
    settings: Settings,
    report: OnProgress,
) -> dict[str, PhraseSet]:
    """Phrases of every row, equally many."""
    seed, n_bars = settings.seed, settings.phrase_bars
    found = {
        each.name: each.sample(settings.n_phrases, n_bars, seed, report) for each in (reference, real, *candidates)
    }
    n = min(map(len, found.values()))
    if n < 10:
        counts = ", ".join(f"{name} has {len(phrases)}" for name, phrases in found.items())
        raise DatasetError(f"only {n} phrases of {n_bars} bars can be compared: {counts}")
    if n < settings.n_phrases:
        result.notes.append(f"every row has {n} phrases, as many as there are, not {settings.n_phrases}")
    found = {name: phrases[:n] for name, phrases in found.items()}
    n_songs = len(np.unique(found[REAL].songs))
    if n_songs < n:
        result.notes.append(f"real phrases are of {n_songs} songs, so some share a song; composed ones do not")
    mixed = mix_tracks(found[REAL].rolls, found[REAL].songs, seed)
    rest = {name: phrases for name, phrases in found.items() if name not in (REFERENCE, REAL)}
    result.facts |= {"n_phrases": n, "phrase_bars": n_bars}
    return {
        REFERENCE: found[REFERENCE],
        REAL: found[REAL],
        MIXED: PhraseSet(mixed, number_pieces(np.arange(n))),
        **rest,
    }


def measure_distances(
    result: Evaluation, sets: dict[str, PhraseSet], settings: Settings, report: OnProgress
) -> None:
    """Distances of every row from the reference, and the deviations of all features."""
    spec = result.spec
    result.feature_names = list_feature_names(spec)
    for done, (name, phrases) in enumerate(sets.items()):
        report("computing features", done / len(sets))
        result.features[name] = Features.from_phrases(phrases, spec)
    reference = result.features[REFERENCE]
    if not has_enough_songs(*result.features.values()):
        result.notes.append(f"a row has phrases of fewer than {SMALLEST_SET} songs, so there is no AUC of phrases")
    for done, (name, row) in enumerate(result.features.items()):
        report("measuring distances", done / len(sets))
        if name == REFERENCE:
            continue
        result.add_scores(name, score_distances(reference, row, settings.seed))
        result.add_scores(name, score_overlap(reference, row, result.feature_names[FEATURES]))
        if name != MIXED:
            result.deviations[name] = measure_deviations(reference, row, result.feature_names)


def _measure_originality(result: Evaluation, dataset: Dataset, settings: Settings, report: OnProgress) -> None:
    """The nearest training phrase of held-out and of generated phrases."""
    rows = (REFERENCE, *result.candidates)
    queries = [result.samples[row][: settings.n_originality] for row in rows]
    found = find_nearest(
        np.concatenate(queries), dataset, progress=lambda done, of: report("searching for copies", done / of)
    )
    ends = np.cumsum([0, *(len(query) for query in queries)])
    parts = {
        row: Nearest(found.similarity[a:b], found.first_bar[a:b], found.semitones[a:b])
        for row, a, b in zip(rows, ends[:-1], ends[1:], strict=True)
    }
    for row, query in zip(rows, queries, strict=True):
        result.add_scores(row, score_originality(parts[row], parts[REFERENCE]))
        result.similarities[row] = parts[row].similarity
        result.pairs[row] = _find_worst_pairs(query, parts[row], dataset)


def _find_worst_pairs(rolls: Rolls, nearest: Nearest, dataset: Dataset, n: int = 8) -> list[Pair]:
    worst = np.argsort(-nearest.similarity, kind="stable")[:n]
    bars = nearest.first_bar[worst]
    training = dataset.rolls(bars, rolls.shape[2], -nearest.semitones[worst])
    songs = dataset.song_of(bars)
    return [
        Pair(
            float(nearest.similarity[index]),
            rolls[index],
            training[place],
            dataset.song_name(int(songs[place])),
            int(bars[place] - dataset.song_starts[songs[place]]) + 1,
        )
        for place, index in enumerate(worst)
    ]


def _measure_pieces(
    result: Evaluation,
    reference: DatasetCandidate,
    real: DatasetCandidate,
    candidates: Sequence[Candidate],
    settings: Settings,
    report: OnProgress,
) -> None:
    """Structure, seams and drift of long pieces."""
    rows = (reference, real, *candidates)
    pieces: dict[str, PhraseSet] = {}
    for n_bars in (settings.piece_bars, settings.piece_bars // 2):
        found = {c.name: c.sample(settings.n_pieces, n_bars, settings.seed, report) for c in rows}
        found = {name: phrases for name, phrases in found.items() if len(phrases) >= 4}
        pieces = max(pieces, found, key=len)
        if len(pieces) == len(rows):
            break
    if REFERENCE not in pieces or not any(c.name in pieces for c in candidates):
        result.notes.append(f"there are too few pieces of {settings.piece_bars // 2} bars to measure structure")
        return
    n_bars = pieces[REFERENCE].rolls.shape[2]
    result.facts["piece_bars"] = n_bars
    measured = longform.measure_windows(pieces[REFERENCE].rolls, real.spec, settings.phrase_bars)
    scale = {name: float(np.sqrt(average((values - average(values)) ** 2))) for name, values in measured.items()}
    joins = {c.name: c.join_bars(n_bars) for c in candidates}
    of_real = next((bars for bars in joins.values() if len(bars)), np.empty(0, np.int64))
    for name, phrases in pieces.items():
        report("measuring long pieces", 0.0)
        result.add_scores(name, score_structure(phrases, pieces[REFERENCE], real.spec, settings.seed))
        bars = joins.get(name, of_real)
        result.add_scores(
            name, score_long_pieces(phrases, real.spec, settings.phrase_bars, bars, scale, settings.seed)
        )


def _measure_tasks(
    result: Evaluation,
    reference: DatasetCandidate,
    candidates: Sequence[Candidate],
    settings: Settings,
    report: OnProgress,
) -> None:
    """How well completions fit their contexts, of candidates that can complete."""
    models = [c for c in candidates if c.can_fill]
    if not models:
        return
    spec, seed = reference.spec, settings.seed
    contexts = reference.sample(settings.n_contexts, settings.phrase_bars, seed + 1).rolls
    longer = reference.sample(settings.n_contexts, 4 * settings.phrase_bars, seed + 1).rolls
    n_given = longer.shape[2] // 2
    result.add_scores(REFERENCE, score_continuations(longer, n_given, spec, seed))
    for task in TASKS:
        result.add_scores(REFERENCE, score_task(task, run_task(task, contexts, spec), seed))
    for model in models:
        fill = partial(model.fill, seed=seed, progress=report)
        result.add_scores(
            model.name, score_continuations(continue_pieces(longer, n_given, fill), n_given, spec, seed)
        )
        for task in TASKS:
            done = run_task(task, contexts, spec, fill, settings.n_draws)
            result.add_scores(model.name, score_task(task, done, seed))


def _measure_performances(
    result: Evaluation,
    dataset: Dataset,
    candidates: Sequence[Candidate],
    settings: Settings,
    report: OnProgress,
) -> None:
    """How like players the candidates with a performance head play held-out notes."""
    players = [(c.name, c.feel) for c in candidates if c.feel is not None]
    if players and not dataset.has_timing:
        result.notes.append("the dataset does not tell how notes were timed, so performances are not measured")
        return
    for name, feel in players:
        report("measuring performances", 0.0)
        n_phrases = min(settings.n_phrases, MOST_PHRASES)
        real, ours = score_performances(dataset, feel, n_phrases, settings.seed)
        if not ours:
            result.notes.append("no track of the held-out songs was played, so performances are not measured")
        result.add_scores(REFERENCE, real)
        result.add_scores(name, ours)

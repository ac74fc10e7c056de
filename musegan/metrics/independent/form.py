"""Features of form: bars that return, how alike bars are by distance, how sections end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.independent.batch import Batch, Columns, count_kinds, divide, name_columns, name_track_columns
from musegan.metrics.independent.drums import INSTRUMENTS, find_instruments
from musegan.metrics.structure import bar_hashes, find_repeated_bars

DISTANCES = (1, 2, 3, 4, 8, 12)  # bars
SECTION = 4  # bars
_FILLS = ("snare", "toms")  # instruments that fills are played on


def measure_repeats(batch: Batch) -> Columns:
    """Share of the bars with notes, but the first, that have the notes, or the rhythm, of one before; and of those
    in which all tracks do."""
    table, n_steps = batch.table, batch.spec.steps_per_bar
    longest = int(table.duration.max(initial=0)) + 1
    notes = bar_hashes(table, (table.step * batch.spec.n_pitches + table.pitch) * longest + table.duration)
    steps = count_kinds(table.bar, table.step, notes.size, n_steps) > 0
    bar, step = np.nonzero(steps)
    rhythm = bar_hashes(type(table)(table.shape, bar, step, step, step, step > 0), step)
    whole = notes.sum(1, keepdims=True)
    found = [
        divide(find_repeated_bars(hashes).sum(-1), (hashes[..., 1:] > 0).sum(-1))
        for hashes in (notes, rhythm, whole)
    ]
    values = np.stack(found[:2], axis=-1).reshape(-1, 2)
    return {
        **name_track_columns(batch, "repeats", ("notes", "rhythm"), values, drums=True),
        "all repeats": found[2][:, 0],
    }


def measure_bar_likeness(batch: Batch) -> Columns:
    """Cosine of the onsets of bars at some distances, by step and instrument or pitch class."""
    notes = batch.notes
    bar, step = np.divmod(notes.time, batch.spec.steps_per_bar)
    bar = notes.phrase * batch.n_bars + bar
    kinds = {
        "drum": (~batch.is_pitched, find_instruments(notes.pitch), len(INSTRUMENTS)),
        "pitched": (batch.is_pitched, notes.pitch % 12, 12),
    }
    columns: Columns = {}
    for name, (which, kind, n_kinds) in kinds.items():
        if name == "drum" and not any(batch.spec.is_drum):
            continue
        n_cells = batch.spec.steps_per_bar * n_kinds
        onsets = count_kinds(bar[which], (step * n_kinds + kind)[which], batch.n_phrases * batch.n_bars, n_cells)
        onsets = onsets.reshape(batch.n_phrases, batch.n_bars, n_cells)
        columns |= name_columns(f"{name} bars alike at", DISTANCES, _measure_by_distance(onsets))
    return columns


def _measure_by_distance(onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean cosine of the bars of ``(phrase, bar, cell)`` at each of `DISTANCES`, of pairs of which one plays."""
    onsets = divide(onsets, np.linalg.norm(onsets, axis=-1, keepdims=True))
    cosines = onsets @ onsets.swapaxes(-1, -2)
    plays: NDArray[np.bool_] = np.any(onsets, axis=-1)
    values = np.zeros((len(onsets), len(DISTANCES)))
    for index, distance in enumerate(DISTANCES):
        if distance < onsets.shape[1]:
            either = plays[:, distance:] | plays[:, :-distance]
            values[:, index] = divide(np.diagonal(cosines, distance, 1, 2).sum(-1), either.sum(-1))
    return values


def measure_sections(batch: Batch) -> Columns:
    """How the last bar of every four differs from the others, in onsets a bar; and the first bar, in cymbals."""
    spec, notes = batch.spec, batch.notes
    bar, step = np.divmod(notes.time, spec.steps_per_bar)
    is_second_half = 2 * step >= spec.steps_per_bar
    instrument = find_instruments(notes.pitch)
    is_drum = ~batch.is_pitched
    cymbal = is_drum & (instrument == INSTRUMENTS.index("cymbals")) & (step == 0)
    last = {"pitched notes": batch.is_pitched, "pitched notes of second halves": batch.is_pitched & is_second_half}
    if any(spec.is_drum):
        fills = {name: is_drum & is_second_half & (instrument == INSTRUMENTS.index(name)) for name in _FILLS}
        last |= {"drums of second halves": is_drum & is_second_half, **fills}
    is_last = np.arange(batch.n_bars) % SECTION == SECTION - 1
    is_first = np.arange(batch.n_bars) % SECTION == 0

    def more(which: NDArray[np.bool_], is_in: NDArray[np.bool_]) -> NDArray[np.float64]:
        per_bar = count_kinds(notes.phrase[which], bar[which], batch.n_phrases, batch.n_bars)
        return divide(per_bar[:, is_in].sum(-1), is_in.sum()) - divide(per_bar[:, ~is_in].sum(-1), (~is_in).sum())

    columns = {f"section ends with more {name}": more(which, is_last) for name, which in last.items()}
    return columns | ({"section begins with more cymbals": more(cymbal, is_first)} if any(spec.is_drum) else {})

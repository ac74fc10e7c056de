"""Notes to piano rolls and back, all in numpy.

A roll is ``uint8 (track, bar, step, pitch)``: `SILENT` 0, `HELD` 1, `ONSET` 2 (a note starts here).
``roll > 0`` is the classic piano roll. Because onsets are marked, repeated notes and ties over bar lines
survive. Notes on the grid are a structured array of `NOTE`: times in steps from the start of the piece.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.spec import RollSpec

SILENT, HELD, ONSET = 0, 1, 2

NOTE = np.dtype(
    [
        ("track", np.uint8),  # index into RollSpec.tracks
        ("start", np.int32),  # step of the onset, from the start of the piece
        ("duration", np.int32),  # steps, at least 1
        ("pitch", np.uint8),  # MIDI number, not an index
        ("velocity", np.uint8),  # 1-127
    ]
)
"""A note on the grid; arrays of it are sorted by (track, start, pitch)."""


def sort_notes(notes: NDArray) -> NDArray:
    """`notes` ordered by (track, start, pitch)."""
    return notes[np.lexsort((notes["pitch"], notes["start"], notes["track"]))]


def stable_order(keys: NDArray) -> NDArray[np.int64]:
    """``np.argsort(keys, kind="stable")`` for keys of 0 or more, three times as fast.

    Each key carries its index in its lowest bits through a plain sort, which is vectorised.
    """
    n_bits = len(keys).bit_length()
    if not len(keys) or int(keys.max()) >> (63 - n_bits):
        return np.argsort(keys, kind="stable")
    return np.sort(np.left_shift(keys, n_bits, dtype=np.int64) | np.arange(len(keys))) & ((1 << n_bits) - 1)


def draw_notes(
    out: NDArray[np.uint8],
    row: NDArray,
    start: NDArray,
    duration: NDArray,
    pitch_index: NDArray,
    onset: NDArray[np.bool_],
) -> None:
    """Draw notes into ``out : uint8 (row, step, pitch)`` in place.

    All arguments have one entry per note. Held cells are drawn first and onsets over them, so a new note
    cuts an older one on the same pitch. ``onset`` False draws a note that began before step 0 of its row
    (a tie). Notes must lie inside `out`.
    """
    n_rows, n_steps, n_pitches = out.shape
    cells = out.reshape(n_rows * n_steps * n_pitches)
    first = (row.astype(np.int64) * n_steps + start) * n_pitches + pitch_index
    duration = duration.astype(np.int64)
    ends = np.cumsum(duration)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - duration, duration)
    cells[np.repeat(first, duration) + within * n_pitches] = HELD
    cells[first[onset]] = ONSET


def notes_to_roll(notes: NDArray, spec: RollSpec, n_bars: int) -> NDArray[np.uint8]:
    """Draw notes as a roll.

    Parameters
    ----------
    notes : (note,), NOTE
        Pitches outside the spec and notes starting at or after the end are left out; notes that run over
        the end are cut; notes that began before step 0 are drawn as ties; drums become single onsets.

    Returns
    -------
    (track, bar, step, pitch), uint8
    """
    roll = np.zeros(spec.shape(n_bars), np.uint8)
    n_steps = n_bars * spec.steps_per_bar
    pitch_index = notes["pitch"].astype(np.int64) - spec.lowest_pitch
    start = notes["start"].astype(np.int64)
    is_drum = np.array(spec.is_drum)[notes["track"]]
    end = start + np.where(is_drum, 1, notes["duration"])
    inside = (pitch_index >= 0) & (pitch_index < spec.n_pitches) & (start < n_steps) & (end > 0)
    notes, pitch_index, start, end = notes[inside], pitch_index[inside], start[inside], end[inside]
    clipped = np.maximum(start, 0)
    draw_notes(
        roll.reshape(spec.n_tracks, n_steps, spec.n_pitches),
        notes["track"],
        clipped,
        np.minimum(end, n_steps) - clipped,
        pitch_index,
        start >= 0,
    )
    return roll


def sort_cells(rolls: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Sounding cells in order of time within each pitch of each track, which of them are onsets, and where a
    stretch of sound begins: each (cell,).

    ``rolls : (..., track, bar, step, pitch), uint8``; cells are flat indices into it. A stretch begins at an
    onset, or after silence without one. Beside a mask of all cells what is silent takes no memory.
    """
    n_bars, n_steps, n_pitches = rolls.shape[-3:]
    n_times = n_bars * n_steps
    cells = np.flatnonzero(rolls > 0).astype(np.int32 if 2 * rolls.size < 2**31 else np.int64)  # half the memory
    # Keys one apart are neighbours in time; the gap after each line keeps lines apart.
    row = cells // n_pitches
    key = (row // n_times * n_pitches + cells % n_pitches) * (n_times + 1) + row % n_times
    order = stable_order(key)
    cells, key = cells[order], key[order]
    is_onset = rolls.reshape(-1)[cells] == ONSET
    return cells.astype(np.int64), is_onset, is_onset | (np.diff(key, prepend=key.dtype.type(-2)) > 1)


def roll_to_notes(roll: NDArray[np.uint8], spec: RollSpec, velocity: int = 90) -> NDArray:
    """Read the notes of a roll: the inverse of `notes_to_roll` for notes that do not overlap on one pitch.

    A note starts at every onset and lasts until its pitch falls silent or starts again. Held cells that no
    onset leads to are ignored. Drum notes last one step.

    Parameters
    ----------
    roll : (track, bar, step, pitch), uint8
    velocity : int
        Given to every note; a roll has no velocities.

    Returns
    -------
    (note,), NOTE
        Sorted by (track, start, pitch).
    """
    _, n_bars, n_steps, n_pitches = roll.shape
    cells, is_onset, is_first = sort_cells(roll)
    begin = np.flatnonzero(is_first)
    duration = np.diff(begin, append=len(cells))
    begin, duration = begin[is_onset[begin]], duration[is_onset[begin]]
    row, pitch = np.divmod(cells[begin], n_pitches)
    track, start = np.divmod(row, n_bars * n_steps)
    notes = np.empty(len(begin), NOTE)
    notes["track"] = track
    notes["start"] = start
    notes["duration"] = np.where(np.array(spec.is_drum)[track], 1, duration)
    notes["pitch"] = pitch + spec.lowest_pitch
    notes["velocity"] = velocity
    return sort_notes(notes)


def drop_orphan_holds(
    roll: NDArray[np.uint8], spec: RollSpec, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """The roll with every held cell removed that no onset leads to (drums keep onsets only).

    Ties into the first step are such cells too: a piece starts at its start. The result goes to `out`, which may
    be `roll` itself, or a new array.
    """
    if out is None:
        out = roll.copy()
    elif out is not roll:
        out[:] = roll
    for track, is_drum in enumerate(spec.is_drum):  # one by one: a long piece is large
        line = out[track : track + 1]
        cells, is_onset, is_first = sort_cells(line)
        is_kept = is_onset if is_drum else is_onset[is_first][np.cumsum(is_first) - 1]
        np.put(line, cells[~is_kept], 0)
    return out


def transpose(
    roll: NDArray[np.uint8], semitones: int, spec: RollSpec, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Shift the pitched tracks by `semitones`; drums stay. Pitches that would leave the range are folded
    back by octaves, so nothing is lost unless it meets another note.

    Parameters
    ----------
    roll : (..., track, bar, step, pitch), uint8
    out : like roll, optional
        Where the result goes, which may be `roll` itself; a new array when left out.

    Returns
    -------
    Same shape and dtype.
    """
    return map_pitches(roll, fold_octaves(np.arange(spec.n_pitches) + semitones, spec.n_pitches), spec, out)


def fold_octaves(index: NDArray[np.int64], n_pitches: int) -> NDArray[np.int64]:
    """Move pitch indices outside ``0 ... n_pitches - 1`` into it by as few octaves as possible.

    Where no octave of a pitch is inside, which takes a range of less than one, it stays outside.
    """
    folded = index.copy()
    folded[index < 0] %= 12
    above = folded >= n_pitches
    folded[above] = n_pitches - 12 + (folded[above] - n_pitches) % 12
    return folded


def map_pitches(
    roll: NDArray[np.uint8], target: NDArray[np.int64], spec: RollSpec, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Move every pitch of the pitched tracks to another; notes that meet there become one.

    Parameters
    ----------
    roll : (..., track, bar, step, pitch), uint8
    target : (pitch,), int64
        New pitch index of each; those outside the range are dropped.
    out : like roll, optional
        Where the result goes, which may be `roll` itself; a new array when left out.

    Returns
    -------
    Same shape and dtype as `roll`.
    """
    out = np.empty_like(roll) if out is None else out
    order = np.argsort(target, kind="stable")
    order = order[(target[order] >= 0) & (target[order] < spec.n_pitches)]
    goals, firsts = np.unique(target[order], return_index=True)
    source = np.zeros(spec.n_pitches, np.int64)
    source[goals] = order[firsts]
    others = np.delete(order, firsts)  # their goals have a source already
    unreached = np.setdiff1d(np.arange(spec.n_pitches), goals)
    for track, is_drum in enumerate(spec.is_drum):  # one by one: a long piece is large
        line = moved = roll[..., track, :, :, :]
        if not is_drum:
            moved = np.take(line, source, axis=-1)
            moved[..., unreached] = 0
            for other in others[line[..., others].any(tuple(range(line.ndim - 1)))]:
                np.maximum(moved[..., target[other]], line[..., other], out=moved[..., target[other]])
        out[..., track, :, :, :] = moved
    return out


def snap_to_scale(roll: NDArray[np.uint8], pitch_classes: list[int], spec: RollSpec) -> NDArray[np.uint8]:
    """Move notes of the pitched tracks outside a scale to its nearest pitch (the lower of two).

    Parameters
    ----------
    roll : (..., track, bar, step, pitch), uint8
    pitch_classes : list of int
        Of the scale, C = 0.
    """
    pitch = spec.lowest_pitch + np.arange(spec.n_pitches)
    inside = np.flatnonzero(np.isin(pitch % 12, pitch_classes))
    if not len(inside):
        return roll.copy()
    distance = np.abs(np.arange(spec.n_pitches)[:, None] - inside)
    return map_pitches(roll, inside[distance.argmin(1)], spec)


def chroma_matrix(spec: RollSpec) -> NDArray[np.float64]:
    """1 where a pitch of the spec is of a pitch class (C = 0): (pitch, 12)."""
    return np.eye(12)[(spec.lowest_pitch + np.arange(spec.n_pitches)) % 12]


def sounding_shares(roll: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.float32]:
    """Share of the sounding time of each pitch class (C = 0) over the pitched tracks: (12,), sums to 1 or 0.

    `roll` is ``(track, bar, step, pitch), uint8``.
    """
    pitched = (line for line, is_drum in zip(roll, spec.is_drum, strict=True) if not is_drum)
    cells = sum((np.count_nonzero(line, axis=(0, 1)) for line in pitched), np.zeros(spec.n_pitches))
    shares = cells @ chroma_matrix(spec)
    return (shares / max(shares.sum(), 1)).astype(np.float32)

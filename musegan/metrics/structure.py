"""How a piece is built: bars that return, how a continuation keeps to what was given, fills, ties, drums.

``rolls : (piece, track, bar, step, pitch), uint8``; what is not defined is nan, as in `musegan.metrics.measures`.
Two bars of a track are equal when the same notes start in them: step, pitch and length, over bar lines too.

References
----------
Museformer: Yu et al., Museformer: Transformer with fine- and coarse-grained attention for music generation, 2022.
PhraseLDM: Ou and Wang, PhraseVAE and PhraseLDM: Latent diffusion for full-song multitrack symbolic music
generation, 2025.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.measures import Rolls, Values, average, share
from musegan.metrics.repetition import bar_similarity
from musegan.music.note_table import NoteTable, find_notes
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

SNARES_AND_TOMS = (37, 38, 39, 40, 41, 43, 45, 47, 48, 50)
"""General MIDI drum notes that fills are played on."""

ALIKE = 0.5  # cosine of bars that count as alike
SECTION_BARS = 4  # of the shortest section that returns
FILL_HITS = 2  # more of these than usual in half a bar make a fill


def similarity_error(real: Rolls, composed: Rolls, max_distance: int = 15) -> float:
    """SE (Museformer): how far repetition at each distance is from that of real music.

    Mean absolute difference of the two curves of `bar_similarity`, each the mean over pieces and tracks, over the
    distances 1 ... `max_distance` bars at which both are defined; 0 for equal ones, nan without any.
    """
    curves = [average(bar_similarity(rolls, max_distance), (0, 1)) for rolls in (real, composed)]
    return float(average(np.abs(curves[0] - curves[1])))


def self_similarity(rolls: Rolls) -> Values:
    """Likeness of every two bars of a piece, all tracks together: (piece, bar, bar), nan for a bar without onsets.

    Cosine of the onsets by track, step and pitch, in which every track that sounds counts the same.
    """
    n_pieces, n_tracks, n_bars = rolls.shape[:3]
    onsets = (rolls == ONSET).reshape(n_pieces, n_tracks, n_bars, -1).astype(np.float32)
    lengths = np.sqrt(onsets.sum(-1, keepdims=True))
    onsets = np.divide(onsets, lengths, out=onsets, where=lengths > 0)
    common = (onsets @ onsets.swapaxes(-1, -2)).sum(1, dtype=np.float64)
    n_sounding = np.diagonal(common, axis1=-2, axis2=-1)
    return share(common, np.sqrt(n_sounding[..., :, None] * n_sounding[..., None, :]))


def recurrence(rolls: Rolls) -> Values:
    """Bars in sections that return, as a multiple of the bars of the piece: (piece,).

    A section returns when `SECTION_BARS` successive bars or more are alike those at a constant distance
    (`self_similarity` above `ALIKE`), and none of them those at the distance of one bar more: a loop does not
    count. After the bar recurrence score on the BarSSM of PhraseLDM, whose bars are vectors of its autoencoder, so
    that its numbers do not compare with these.
    """
    is_alike = self_similarity(rolls) > ALIKE  # False for nan
    n_bars = rolls.shape[2]
    total = np.zeros(len(rolls))
    for distance in range(1, n_bars - SECTION_BARS + 1):
        diagonal, next_one = (np.diagonal(is_alike, k, -2, -1) for k in (distance, distance + 1))
        for piece, line in enumerate(diagonal):
            edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
            for begin, end in edges.reshape(-1, 2).tolist():
                if end - begin >= SECTION_BARS and not next_one[piece, begin:end].any():
                    total[piece] += end - begin
    return total / n_bars


def bar_hashes(notes: NoteTable, kinds: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number for every bar that is the same for bars with the same notes, 0 for bars without: ``notes.shape``.

    Parameters
    ----------
    kinds : (note,), int64, not negative
        What makes two notes the same.

    Notes
    -----
    Sum of the notes' own hashes (splitmix64), so the order of notes does not matter.
    """
    mixed = kinds.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
    out = np.zeros(notes.shape, np.uint64)
    np.add.at(out.reshape(-1), notes.bar, mixed ^ mixed >> np.uint64(31))
    return out


def find_repeated_bars(hashes: NDArray[np.uint64], n_before: int = 16) -> NDArray[np.bool_]:
    """Whether each bar is equal to one of the `n_before` bars before it: (..., bar), never for hash 0."""
    found = np.zeros(hashes.shape, bool)
    for distance in range(1, min(n_before, hashes.shape[-1] - 1) + 1):
        found[..., distance:] |= hashes[..., distance:] == hashes[..., :-distance]
    return found & (hashes > 0)


def repeated_bars(rolls: Rolls, n_before: int = 16) -> Values:
    """Share of the bars with notes, but the first bar of the piece, that are equal to one of the `n_before` bars
    before: (piece, track); nan where there is none."""
    notes = find_notes(rolls)
    longest = int(notes.duration.max(initial=0)) + 1
    kinds = (notes.step * rolls.shape[-1] + notes.pitch) * longest + notes.duration
    hashes = bar_hashes(notes, kinds)
    repeats = find_repeated_bars(hashes, n_before)
    return share(repeats[..., 1:].sum(-1), (hashes[..., 1:] > 0).sum(-1))


def continuation_likeness(rolls: Rolls, n_given: int) -> Values:
    """How much a continuation is like what was given, 0 to 1: (piece, track).

    Mean over the bars after the first `n_given` that have onsets of the likeness to the given bar that is nearest:
    |common| / |union| of the onsets (step, pitch). nan for a track that is silent after them.
    """
    n_pieces, n_tracks, n_bars = rolls.shape[:3]
    onsets = (rolls == ONSET).reshape(n_pieces, n_tracks, n_bars, -1).astype(np.float32)
    given, new = onsets[:, :, :n_given], onsets[:, :, n_given:]
    common = new @ given.swapaxes(-1, -2)
    counts = new.sum(-1)
    union = counts[..., None] + given.sum(-1)[..., None, :] - common
    likeness = np.divide(common, union, out=np.zeros_like(common), where=union > 0).max(-1, initial=0)
    return average(np.where(counts > 0, likeness, np.nan), -1)


def notes_over_bar_lines(rolls: Rolls) -> Values:
    """Notes of each track that sound on over a bar line, a bar line: (piece, track).

    A note over two lines counts twice; nan for pieces of one bar.
    """
    n_bars, n_steps = rolls.shape[-3:-1]
    notes = find_notes(rolls)
    crossed = (notes.step + notes.duration - 1) // n_steps
    return share(notes.per_bar(crossed).sum(-1), n_bars - 1)


def drum_instruments(rolls: Rolls, spec: RollSpec) -> Values:
    """Distinct drum notes struck in each bar, drum tracks together: (piece, bar); nan for a bar without."""
    struck = np.count_nonzero(_drum_onsets(rolls, spec).any(-2), axis=-1).astype(np.float64)
    return np.where(struck > 0, struck, np.nan)


def drum_fills(rolls: Rolls, spec: RollSpec) -> Values:
    """Drum fills in 8 bars: (piece,); nan for a piece without drums.

    A fill is a bar whose second half has at least `FILL_HITS` more onsets of `SNARES_AND_TOMS` than the median
    bar of the piece with drums.
    """
    onsets = _drum_onsets(rolls, spec)
    plays = onsets.any((-1, -2))
    pitch = spec.lowest_pitch + np.arange(spec.n_pitches)
    half = onsets[..., spec.steps_per_bar // 2 :, :][..., np.isin(pitch, SNARES_AND_TOMS)]
    hits = np.where(plays, half.sum((-1, -2)), np.nan)
    usual = np.full(len(rolls), np.nan)
    heard = plays.any(-1)
    usual[heard] = np.nanmedian(hits[heard], axis=-1)
    is_fill = hits >= usual[:, None] + FILL_HITS
    return np.where(heard, 8 * is_fill.mean(-1), np.nan)


def _drum_onsets(rolls: Rolls, spec: RollSpec) -> NDArray[np.bool_]:
    """Onsets of all drum tracks together: (piece, bar, step, pitch)."""
    return (rolls[:, np.array(spec.is_drum)] == ONSET).any(1)

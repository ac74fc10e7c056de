"""Long pieces: can the joins be found, and does the music drift away?

A long piece is composed window by window, so some of its bar lines are joins. A seam is good when joins look like
other bar lines. Real pieces, with the same bar lines called joins, say what "cannot be found" measures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan import metrics
from musegan.metrics import Rolls, Values, average, share
from musegan.metrics.two_sample import SMALLEST_SET, Auc, two_sample_auc
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec


def measure_bar_lines(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    """What happens at each bar line, per track.

    Parameters
    ----------
    rolls : (piece, track, bar, step, pitch), uint8

    Returns
    -------
    name -> (piece, track, bar - 1), nan where not defined
        ``ties``: share of what sounds that is held over the line. ``harmony``: distance of the tonal centroids of
        the two bars. ``rhythm``: share of onset places in common. ``notes``: difference in log2(1 + notes).
        ``pitch``: difference in mean pitch, semitones.
    """
    chroma = metrics.beat_chroma(rolls, spec).sum(-2)
    chroma[:, np.array(spec.is_drum)] = 0
    centroid = metrics.tonal_centroid(chroma)
    place = (rolls == ONSET).any(-1)
    notes = np.count_nonzero(rolls == ONSET, axis=-2)  # piece, track, bar, pitch
    pitch = share(notes @ np.arange(spec.n_pitches), notes.sum(-1))
    pitch[:, np.array(spec.is_drum)] = np.nan
    before, after = place[:, :, :-1], place[:, :, 1:]
    return {
        "ties": metrics.ties(rolls),
        "harmony": np.linalg.norm(np.diff(centroid, axis=2), axis=-1),
        "rhythm": share((before & after).sum(-1), (before | after).sum(-1)),
        "notes": np.abs(np.diff(np.log2(1 + notes.sum(-1)), axis=2)),
        "pitch": np.abs(np.diff(pitch, axis=2)),
    }


def _choose_lines(n_bars: int, joins: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The bar lines that are joins, and the others from the first join on; line i lies before bar i + 1."""
    inner = np.setdiff1d(np.arange(joins.min(), n_bars), joins)
    return joins - 1, inner - 1


def measure_seam_gaps(rolls: Rolls, spec: RollSpec, joins: NDArray[np.int64]) -> dict[str, Values]:
    """`measure_bar_lines` at joins less those at inner bar lines of the same piece: name -> (piece,).

    Near 0 when joins are like other bar lines. ``joins : (join,)`` are the bars before which they lie.
    """
    at_joins, inner = _choose_lines(rolls.shape[2], joins)
    return {
        name: average(values[..., at_joins], (1, 2)) - average(values[..., inner], (1, 2))
        for name, values in measure_bar_lines(rolls, spec).items()
    }


def measure_seam_auc(rolls: Rolls, spec: RollSpec, joins: NDArray[np.int64]) -> Auc:
    """How well boosted trees tell joins from inner bar lines; nan for few pieces or without inner bar lines."""
    at_joins, inner = _choose_lines(rolls.shape[2], joins)
    if not len(inner) or len(rolls) < SMALLEST_SET:
        return Auc(np.nan, np.nan, np.nan)
    columns = np.concatenate(list(measure_bar_lines(rolls, spec).values()), axis=1)  # piece, feature, line
    tables = [np.swapaxes(columns[..., lines], 1, 2).reshape(-1, columns.shape[1]) for lines in (at_joins, inner)]
    pieces = [np.repeat(np.arange(len(rolls)), len(lines)) for lines in (at_joins, inner)]
    return two_sample_auc(tables[0], tables[1], pieces[0], pieces[1])


def measure_windows(rolls: Rolls, spec: RollSpec, phrase_bars: int) -> dict[str, Values]:
    """Measures of each phrase of long pieces, end to end: name -> (piece, window), nan where not defined.

    ``key distance`` is how far the pitch classes of a phrase are from those of the first, as tonal centroids.
    """
    n_pieces, n_tracks, n_bars, *cell = rolls.shape
    n_windows = n_bars // phrase_bars
    cut = rolls[:, :, : n_windows * phrase_bars]
    phrases = cut.reshape(n_pieces, n_tracks, n_windows, phrase_bars, *cell).swapaxes(1, 2)
    chroma = metrics.beat_chroma(phrases, spec)[:, :, ~np.array(spec.is_drum)].sum((2, 3, 4))
    centroid = metrics.tonal_centroid(chroma)
    return {
        "silent bars": metrics.empty_bars(phrases).mean((-1, -2)),
        "notes": metrics.notes_per_bar(phrases).mean((-1, -2)),
        "polyphony": average(metrics.polyphony_rate(phrases), (-1, -2)),
        "QN": average(metrics.qualified_notes(phrases, spec), (-1, -2)),
        "tonal distance": average(metrics.tonal_distance(phrases, spec), (-1, -2, -3)),
        "scale consistency": average(metrics.scale_consistency(phrases, spec), (-1, -2)),
        "key distance": np.linalg.norm(centroid - centroid[:, :1], axis=-1),
    }


def measure_drift(values: Values) -> Values:
    """Change of a measure over a piece: the least-squares slope times the length: (piece,).

    Parameters
    ----------
    values : (piece, window)
        nan is left out; a piece with fewer than two values gives nan.
    """
    known = ~np.isnan(values)
    place = np.where(known, np.linspace(0, 1, values.shape[1]), np.nan)
    from_mean = place - average(place, 1)[:, None]
    rise = np.where(known, from_mean * (values - average(values, 1)[:, None]), 0).sum(1)
    return share(rise, np.where(known, from_mean**2, 0).sum(1))

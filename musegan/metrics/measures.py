"""Measures of symbolic music, as pure functions of piano rolls.

Conventions
-----------
``rolls : (..., track, bar, step, pitch), uint8`` with 0 silent, 1 held, 2 onset and any leading axes. A function
gives one float64 per track and bar, ``(..., track, bar)``, unless it says otherwise. What is not defined - a share
of the notes of a bar without notes, the pitch classes of drums - is ``nan``; `average` leaves nan out. A note
belongs to the bar in which it starts and lasts as long as it sounds, over bar lines too. Cells that sound without
an onset in the roll (ties into its first step) count as sound, not as notes.

Every measure also works on longer spans: ``as_one_bar(rolls)`` makes a phrase or piece a single bar.

Measures
--------
`empty_bars` EB, `pitches_used` UP, `pitch_classes_used` UPC, `qualified_notes` QN, `polyphony_rate` PR,
`drum_pattern` DP, `tonal_distance` TD, `scale_consistency`, `pitch_entropy`, `pitch_class_entropy`,
`notes_per_bar`, `stepwise_motion`, `ties`, and the fragment alarms `loose_cells` and `one_step_notes`. How much
bars are like each other is in `musegan.metrics.repetition`.

Examples
--------
A bass that plays C four times in the first of two bars, and G once in the second:

>>> import numpy as np
>>> from musegan import metrics
>>> from musegan.music.spec import BAND
>>> rolls = np.zeros(BAND.shape(2), np.uint8)
>>> bass = rolls[BAND.track_index("bass")]  # (bar, step, pitch)
>>> bass[0, ::12, 36 - BAND.lowest_pitch] = 2
>>> bass[1, 0, 43 - BAND.lowest_pitch] = 2
>>> metrics.notes_per_bar(rolls)[1]
array([4., 1.])
>>> metrics.empty_bars(rolls).mean(-1)  # all tracks but the bass are silent
array([1., 0., 1., 1., 1., 1.])
>>> metrics.pitch_classes_used(rolls, BAND)[0]  # drums have no pitch classes
array([nan, nan])
>>> metrics.pitches_used(metrics.as_one_bar(rolls))[1]
array([2.])

References
----------
AAAI-18: Dong et al., MuseGAN, 2018. ISMIR-18: Dong and Yang, Convolutional GANs with binary neurons, 2018.
Harte: Harte, Sandler, Gasser, Detecting harmonic change in musical audio, 2006. MusPy: Dong et al., 2020.
Numbers printed in the first two papers come from code that folds neighbouring semitones in place of octaves, so
they do not compare with these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.note_table import find_notes, find_stretches
from musegan.music.pianoroll import HELD, ONSET, chroma_matrix
from musegan.music.spec import RollSpec

Rolls = NDArray[np.uint8]
Values = NDArray[np.float64]

_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)


def average(values: NDArray, axis: int | tuple[int, ...] | None = None) -> Values:
    """Mean over `axis` of what is not nan; nan where there is nothing."""
    known = ~np.isnan(values)
    return share(np.where(known, values, 0.0).sum(axis), known.sum(axis))


def as_one_bar(rolls: Rolls) -> Rolls:
    """``(..., track, bar, step, pitch)`` seen as one long bar ``(..., track, 1, bar * step, pitch)``."""
    *lead, n_bars, n_steps, n_pitches = rolls.shape
    return rolls.reshape(*lead, 1, n_bars * n_steps, n_pitches)


def share(part: NDArray, whole: NDArray) -> Values:
    """``part / whole`` element by element, nan where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _check_rolls(rolls: Rolls, spec: RollSpec) -> None:
    """Raise `ConfigError` when `rolls` cannot be rolls of `spec`."""
    shape = rolls.shape[-4:]
    fits = len(shape) == 4 and shape[0] == spec.n_tracks and shape[3] == spec.n_pitches
    if not fits or shape[2] % spec.steps_per_beat:
        raise ConfigError(
            f"rolls of shape {rolls.shape} do not fit the ensemble, which needs (track, bar, step, pitch) with "
            f"{spec.n_tracks} tracks, {spec.n_pitches} pitches and whole beats of {spec.steps_per_beat} steps"
        )


def _is_pitched(spec: RollSpec) -> NDArray[np.bool_]:
    """True for tracks that have pitches: (track, 1), to broadcast over bars."""
    return ~np.array(spec.is_drum)[:, None]


def _pitch_class_matrix(spec: RollSpec) -> NDArray[np.float32]:
    """One-hot pitch class of each pitch index: (pitch, 12)."""
    return chroma_matrix(spec).astype(np.float32)


def empty_bars(rolls: Rolls) -> Values:
    """EB (AAAI-18): 1 for a bar in which nothing sounds, else 0. Its mean is the share of silent bars."""
    return np.where(rolls.any(axis=(-1, -2)), 0.0, 1.0)


def notes_per_bar(rolls: Rolls) -> Values:
    """Note density: onsets in the bar; 0 for a silent bar."""
    return np.count_nonzero(rolls == ONSET, axis=(-1, -2)).astype(np.float64)


def pitches_used(rolls: Rolls) -> Values:
    """UP: distinct pitches that sound in the bar; nan for a silent bar. Drums: distinct instruments."""
    used = np.count_nonzero(rolls.any(axis=-2), axis=-1).astype(np.float64)
    return np.where(used > 0, used, np.nan)


def pitch_classes_used(rolls: Rolls, spec: RollSpec) -> Values:
    """UPC (AAAI-18): distinct pitch classes, octaves folded, that sound in the bar; nan for silence and drums."""
    _check_rolls(rolls, spec)
    used = np.count_nonzero(rolls.any(axis=-2).astype(np.float32) @ _pitch_class_matrix(spec), axis=-1).astype(
        np.float64
    )
    return np.where((used > 0) & _is_pitched(spec), used, np.nan)


def min_qualified_steps(spec: RollSpec) -> int:
    """Steps of a thirty-second note, at least 2: 2 at 12 steps a beat, 3 at 24. On a grid of sixteenths every note
    is long enough, so there two steps are asked for."""
    return max(2, -(-spec.steps_per_beat // 8))


def qualified_notes(rolls: Rolls, spec: RollSpec) -> Values:
    """QN (AAAI-18): share of the notes that last `min_qualified_steps` or more.

    Notes that the end of the roll cuts off before that are left out. nan for a bar without notes and for drums.
    """
    _check_rolls(rolls, spec)
    notes = find_notes(rolls)
    is_long = notes.duration >= min_qualified_steps(spec)
    rate = share(notes.per_bar(is_long), notes.per_bar(is_long | ~notes.is_cut))
    return np.where(_is_pitched(spec), rate, np.nan)


def polyphony_rate(rolls: Rolls) -> Values:
    """PR: share of the steps of the bar in which 2 or more pitches sound (ISMIR-18 in code; MusPy asks for more
    than 2); nan for a silent bar."""
    n_sounding = np.count_nonzero(rolls, axis=-1)
    rate = (n_sounding >= 2).mean(axis=-1)
    return np.where(n_sounding.any(axis=-1), rate, np.nan)


def drum_pattern(rolls: Rolls, spec: RollSpec, neighbour_weight: float = 0.0) -> Values:
    """DP (AAAI-18): share of the drum onsets that fall on the grid of sixteenths.

    With `neighbour_weight` an onset one step off the grid counts that much (the released MuseGAN code uses 0.1).
    nan for a bar without onsets and for pitched tracks. On a grid of sixteenths itself it is always 1.
    """
    _check_rolls(rolls, spec)
    step = np.arange(rolls.shape[-2])
    sixteenth = spec.steps_per_beat / 4
    on_grid = np.rint(np.rint(step / sixteenth) * sixteenth) == step
    weights = np.where(on_grid, 1.0, neighbour_weight * (np.roll(on_grid, 1) | np.roll(on_grid, -1)))
    onsets = np.count_nonzero(rolls == ONSET, axis=-1)
    return np.where(_is_pitched(spec), np.nan, share(onsets @ weights, onsets.sum(-1)))


def beat_chroma(rolls: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """Sounding cells of each pitch class, C first, octaves folded: (..., track, bar, beat, 12), float32.

    Drums are folded like any track; leave them out where pitch matters.
    """
    _check_rolls(rolls, spec)
    *lead, n_steps, n_pitches = rolls.shape
    beats = (rolls != 0).reshape(*lead, n_steps // spec.steps_per_beat, spec.steps_per_beat, n_pitches)
    return beats.sum(axis=-2, dtype=np.uint8).astype(np.float32) @ _pitch_class_matrix(spec)


def tonal_centroid(chroma: NDArray) -> Values:
    """Chroma, normalised to sum 1, in the six-dimensional space of fifths, minor and major thirds (Harte).

    ``chroma : (..., 12)`` gives ``(..., 6)``; nan for silence. Radii are 1, 1 and 0.5, so centroids lie within
    1.5 of the origin.
    """
    angle = np.arange(12)[:, None] * np.array([7 / 6, 3 / 2, 2 / 3]) * np.pi
    radius = np.array([1.0, 1.0, 0.5])
    basis = np.concatenate([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return share(chroma, chroma.sum(-1, keepdims=True)) @ basis


def tonal_distance(rolls: Rolls, spec: RollSpec) -> Values:
    """TD (AAAI-18, Harte): how far apart two tracks are in harmony.

    Per beat the Euclidean distance of the two `tonal_centroid`; mean over the beats of the bar in which both
    sound. nan where there is none, for drums, and for a track with itself.

    Returns
    -------
    (..., track, track, bar), symmetric
    """
    centroid = tonal_centroid(beat_chroma(rolls, spec))
    distance = np.linalg.norm(centroid[..., :, None, :, :, :] - centroid[..., None, :, :, :, :], axis=-1)
    pitched = _is_pitched(spec)[:, 0]
    pairs = np.outer(pitched, pitched) & ~np.eye(spec.n_tracks, dtype=bool)
    return np.where(pairs[:, :, None], average(distance, -1), np.nan)


def note_classes(rolls: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """Notes of each pitch class that start in the bar: (..., track, bar, 12)."""
    _check_rolls(rolls, spec)
    return np.count_nonzero(rolls == ONSET, axis=-2).astype(np.float32) @ _pitch_class_matrix(spec)


def scale_masks() -> NDArray[np.float32]:
    """The 12 major scales from C up: (scale, pitch class), 1 for its members."""
    steps = np.array(_MAJOR_SCALE) + np.arange(12)[:, None]
    return np.eye(12, dtype=np.float32)[steps % 12].sum(1)


def common_scale(counts: NDArray) -> NDArray[np.bool_]:
    """Members of the major scale that holds most notes, the lowest one of several: ``(..., pitch class)`` each."""
    masks = scale_masks()
    return masks[(counts @ masks.T).argmax(-1)] > 0


def scale_consistency(rolls: Rolls, spec: RollSpec) -> Values:
    """Largest share of the notes of the bar within one scale (MusPy).

    Over the 12 major scales, which hold the same pitch classes as the 12 natural minor ones. nan for a bar without
    notes and for drums.
    """
    counts = note_classes(rolls, spec)
    best = (counts @ scale_masks().T).max(-1)
    return np.where(_is_pitched(spec), share(best, counts.sum(-1)), np.nan)


def entropy(counts: NDArray) -> Values:
    """Shannon entropy in bits of histograms on the last axis; nan for an empty one."""
    shares = share(counts, counts.sum(-1, keepdims=True))
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return 0.0 - (shares * logs).sum(-1)


def pitch_entropy(rolls: Rolls) -> Values:
    """Entropy in bits of the pitches of the notes of the bar (MusPy); nan for a bar without notes."""
    return entropy(np.count_nonzero(rolls == ONSET, axis=-2))


def pitch_class_entropy(rolls: Rolls, spec: RollSpec) -> Values:
    """Entropy in bits of the pitch classes of the notes of the bar (MusPy); nan without notes and for drums."""
    return np.where(_is_pitched(spec), entropy(note_classes(rolls, spec)), np.nan)


def stepwise_motion(rolls: Rolls, spec: RollSpec) -> Values:
    """Share of the moves of the top line to another pitch that go by one or two semitones; nan for drums and where
    it does not move.

    The top line is the highest note at each step at which some start. A move belongs to the bar that it leaves.
    Melodies of all cultures go mostly by small intervals (Huron, Sweet Anticipation, 2006).
    """
    _check_rolls(rolls, spec)
    *lead, n_bars, n_steps, n_pitches = rolls.shape
    onsets = (rolls == ONSET).reshape(-1, n_bars * n_steps, n_pitches)
    line, time = np.nonzero(onsets.any(-1))
    top = n_pitches - 1 - onsets[line, time, ::-1].argmax(-1)
    leaves = (line * n_bars + time // n_steps)[:-1]
    move = np.where(np.diff(line) == 0, np.abs(np.diff(top)), 0)
    size = int(np.prod((*lead, n_bars)))
    counts = [np.bincount(leaves[which], minlength=size) for which in ((move == 1) | (move == 2), move > 0)]
    return np.where(_is_pitched(spec), share(*counts).reshape(*lead, n_bars), np.nan)


def ties(rolls: Rolls) -> Values:
    """Share of the pitches sounding in the last step of a bar that go on, held, over the bar line:
    (..., track, bar - 1); nan where nothing sounds."""
    last, first = rolls[..., :-1, -1, :] != 0, rolls[..., 1:, 0, :] == HELD
    return share(np.count_nonzero(last & first, axis=-1), np.count_nonzero(last, axis=-1))


def loose_cells(rolls: Rolls, spec: RollSpec) -> Values:
    """Fragment alarm: share of the sounding cells of the bar that no onset leads to; nan for a silent bar.

    A tie into the first step of the roll is not loose. Held cells of drums, which are onsets only, are.
    """
    _check_rolls(rolls, spec)
    *lead, n_bars, n_steps, n_pitches = rolls.shape
    stretches = find_stretches(rolls, spec)
    bar = stretches.cells // (n_steps * n_pitches)
    is_loose = ~stretches.has_onset & ~stretches.is_from_start
    size = int(np.prod((*lead, n_bars)))
    rate = share(np.bincount(bar, is_loose, minlength=size), np.bincount(bar, minlength=size))
    return rate.reshape(*lead, n_bars)


def one_step_notes(rolls: Rolls, spec: RollSpec) -> Values:
    """Fragment alarm: share of the notes that last a single step, those cut by the end of the roll left out.

    nan for a bar without notes and for drums.
    """
    _check_rolls(rolls, spec)
    notes = find_notes(rolls)
    is_short = (notes.duration == 1) & ~notes.is_cut
    rate = share(notes.per_bar(is_short), notes.per_bar(is_short | (notes.duration > 1)))
    return np.where(_is_pitched(spec), rate, np.nan)

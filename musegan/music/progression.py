"""The chords of a piece as a text that `musegan.music.chords.parse_progression` reads, and chords for a melody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musegan.music.chords import KINDS, NO_CHORD, beats_per_chord, estimate_chords
from musegan.music.key import Key, estimate_key
from musegan.music.pianoroll import chroma_matrix, sounding_shares
from musegan.music.spec import RollSpec

_BARS_A_LINE = 4
_MISSED = 0.6  # what sound outside the chord costs, where sound inside brings 1
_FIRST = 1.0  # weight of the first beat of a bar over that of the others
# What the triad on each degree of the scale brings in a bar: the harmonies that songs are made of come first.
_MAJOR_DEGREES = (0.25, 0.0, -0.1, 0.15, 0.2, 0.1, -0.6)
_MINOR_DEGREES = (0.25, -0.6, 0.0, 0.15, 0.1, 0.1, 0.1)
_SAME = 0.15  # what a chord costs that is that of the bar before


def estimate_progression(roll: NDArray[np.uint8], spec: RollSpec, key: Key | None = None) -> str:
    """The chords of a piece as a progression; those of a melody that has none are chosen by `harmonize_melody`.

    Parameters
    ----------
    roll : (track, bar, step, pitch), uint8
    key : Key, optional
        Estimated when left out.

    Returns
    -------
    str
        Bars divided by ``|``, four a line. Chords last half a bar or longer, whole bars where the beats are odd.
    """
    pitched = roll[~np.array(spec.is_drum)] > 0
    key = key or estimate_key(sounding_shares(roll, spec))
    voices = pitched.sum((0, 3))
    is_melody = not (voices > 1).any() or np.mean(voices[voices > 0] > 1) < 0.05
    chords = harmonize_melody(roll, spec, key) if is_melody else estimate_chords(roll, spec, key)
    return write_progression(chords, roll.shape[1], spec)


def harmonize_melody(roll: NDArray[np.uint8], spec: RollSpec, key: Key) -> list[tuple[int, str]]:
    """Triads of the key that fit a melody, one a bar; as `estimate_chords` returns them.

    Each triad of the scale is scored by how long its tones sound, the first beat twice, and by how usual it is;
    a bar in which nothing sounds keeps the chord before it.
    """
    pitched = (roll[~np.array(spec.is_drum)] > 0).sum(0)  # (bar, step, pitch)
    weights = np.where(np.arange(spec.steps_per_bar) < spec.steps_per_beat, 1 + _FIRST, 1.0)
    sounding = np.einsum("bsp,s->bp", pitched, weights) @ chroma_matrix(spec)
    scale = key.pitch_classes
    triads = [[scale[(degree + third) % 7] for third in (0, 2, 4)] for degree in range(7)]
    inside = np.array([np.isin(np.arange(12), triad) for triad in triads], float)  # (degree, 12)
    names = key.note_names(plain=True)
    usual = np.array(_MINOR_DEGREES if key.is_minor else _MAJOR_DEGREES)
    chords: list[tuple[int, str]] = []
    before = -1
    for bar, heard in enumerate(sounding):
        if not heard.any() and before >= 0:
            continue
        share = inside @ heard / max(heard.sum(), 1)
        fit = share - _MISSED * (1 - share) + usual - _SAME * (np.arange(7) == before)
        best = int(fit.argmax())
        if best != before:
            chords.append((bar * spec.beats_per_bar, names[scale[best]] + _find_triad_kind(triads[best])))
        before = best
    return chords


def _find_triad_kind(triad: list[int]) -> str:
    tones = tuple((pitch - triad[0]) % 12 for pitch in triad)
    return next(kind for kind, known in KINDS.items() if known == tones)


def write_progression(chords: Sequence[tuple[int, str]], n_bars: int, spec: RollSpec) -> str:
    """Chords, each from a beat on, as the text of a progression: bars divided by ``|``, four a line.

    A chord that begins inside a slot (`beats_per_chord`) is left out unless it lasts beyond it.
    """
    per_slot = beats_per_chord(spec)
    per_bar = spec.beats_per_bar // per_slot
    slots = [NO_CHORD] * (n_bars * per_bar)
    for beat, symbol in chords:
        first = max(-(-beat // per_slot), 0)
        slots[first:] = [symbol] * len(slots[first:])
    bars = [slots[i : i + per_bar] for i in range(0, len(slots), per_bar)]
    texts = [bar[0] if len(set(bar)) == 1 else " ".join(bar) for bar in bars]
    lines = [" | ".join(texts[i : i + _BARS_A_LINE]) for i in range(0, n_bars, _BARS_A_LINE)]
    return " |\n".join(lines) + (" |" if n_bars == 1 else "")

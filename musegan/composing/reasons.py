"""Why a bar is surprising, in words, and which bars are copies of earlier ones: read from the notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.composing.attribution import Explanation
from musegan.music.chords import harmony_plan, unpack_tones
from musegan.music.pianoroll import ONSET
from musegan.music.piece import Piece

MOST_NAMED = 6
_OFF_CHORD = 0.4  # share of the notes of a bar, this much above that of the track's other bars
_MANY, _FEW = 1.8, 0.55  # times the usual number of notes of the track
_FAR = 7.0  # semitones from the track's other bars
_NEW_PLACES = 0.5  # share of the onsets at steps at which no other bar of the track has one


@dataclass(frozen=True)
class NamedSurprise:
    """A surprising bar of a track."""

    track: int
    bar: int  # 0-based
    reason: str  # as what follows the track in "the bass leaves the chord"


def name_surprises(found: Explanation, count: int = MOST_NAMED) -> list[NamedSurprise]:
    """The most surprising bars of a piece, the most surprising first, each with what sets it apart."""
    names = found.piece.spec.track_names
    return [
        NamedSurprise(names.index(name), bar, find_reason(found.piece, names.index(name), bar))
        for name, bar, _ in found.ranking()[:count]
    ]


def find_reason(piece: Piece, track: int, bar: int) -> str:
    """What sets a bar apart from the others of its track and from the harmony of the others, in words."""
    line = piece.roll[track]
    onsets = line == ONSET
    counts = onsets.sum((1, 2))
    others = np.flatnonzero((counts > 0) & (np.arange(len(counts)) != bar))
    if not len(others):
        return "plays only here"
    if not piece.spec.tracks[track].is_drum:
        off = _off_chord_shares(piece, track)
        if off[bar] - off[others].mean() >= _OFF_CHORD:
            return "leaves the chord"
        means = (onsets.sum(1) * np.arange(line.shape[2])).sum(1) / np.maximum(counts, 1)
        distance = float(means[bar] - np.median(means[others]))
        if counts[bar] and abs(distance) >= _FAR:
            return "goes much higher" if distance > 0 else "goes much lower"
    elif onsets[bar].sum() and not (onsets[bar].any(0) & onsets[others].any((0, 1))).any():
        return "has other drums"
    usual = float(np.median(counts[others]))
    if counts[bar] >= _MANY * usual:
        return "is much busier"
    if counts[bar] <= _FEW * usual:
        return "is much sparser"
    is_new = onsets[bar].any(1) & ~onsets[others].any((0, 2))
    if is_new.sum() >= _NEW_PLACES * max(onsets[bar].any(1).sum(), 1):
        return "has a rhythm of its own"
    return "does what it does nowhere else"


def _off_chord_shares(piece: Piece, track: int) -> NDArray[np.float64]:
    """Share of the notes of each bar of a track that are no tone of the chord of the other tracks: (bar,)."""
    spec = piece.spec
    rest = np.delete(piece.roll, track, axis=0)
    if not rest[~np.delete(np.array(spec.is_drum), track)].any():
        return np.zeros(piece.n_bars)
    silent = piece.roll.copy()
    silent[track] = 0
    tones, _ = harmony_plan(silent[None], spec)
    chord = unpack_tones(tones)[0].reshape(piece.n_bars, spec.beats_per_bar, 12)
    onsets = (piece.roll[track] == ONSET).reshape(piece.n_bars, spec.beats_per_bar, spec.steps_per_beat, -1).sum(2)
    classes = (spec.lowest_pitch + np.arange(spec.n_pitches)) % 12
    is_known = chord.any(2)[..., None]
    off = (onsets * (chord[..., classes] == 0) * is_known).sum((1, 2))
    return off / np.maximum((onsets * is_known).sum((1, 2)), 1)


def find_copied_bars(piece: Piece) -> NDArray[np.int64]:
    """The earlier bar, 0-based, that each bar of each track repeats note for note, -1 for none: (track, bar)."""
    found = np.full(piece.roll.shape[:2], -1)
    for track, line in enumerate(piece.roll):
        seen: dict[bytes, int] = {}
        for bar, content in enumerate(line):
            if content.any():
                found[track, bar] = seen.setdefault(content.tobytes(), bar)
                if found[track, bar] == bar:
                    found[track, bar] = -1
    return found

"""How surprising the music of a piece is, bar by bar of each track: nats of its notes, given everything else.

And why, in words, and which bars are copies of earlier ones: read from the notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.models.runtime import composing_threads
from musegan.models.trained_model import TrainedModel
from musegan.music.chords import harmony_plan, unpack_tones
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.pianoroll import ONSET
from musegan.music.piece import Piece
from musegan.networks import CellBatch

_GROUPS = 4  # passes in which every bar is left out once, never beside another of its track or its neighbours
_SET_CONTROLS = ("key", "chords", "play")  # set while a bar is measured; the others would reveal it
MAX_REASONS = 6
_OFF_CHORD_EXCESS = 0.4  # share of the notes of a bar, this much above that of the track's other bars
_BUSY_RATIO, _SPARSE_RATIO = 1.8, 0.55  # times the usual number of notes of the track
_FAR_SEMITONES = 7.0  # semitones from the track's other bars
_NEW_RHYTHM_SHARE = 0.5  # share of the onsets at steps at which no other bar of the track has one


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How surprising each bar of each track of a piece is to a model."""

    piece: Piece
    surprise: NDArray[np.float64]  # (track, bar): nats for each note and beat of the bar; nan for silence

    def rank_bars(self) -> list[tuple[str, int, float]]:
        """Track, bar (0-based) and surprise of each bar that sounds, the most surprising first."""
        order = np.argsort(-np.nan_to_num(self.surprise, nan=-np.inf), axis=None, kind="stable")
        cells = zip(*np.unravel_index(order, self.surprise.shape), strict=True)
        names = self.piece.spec.track_names
        return [
            (names[t], int(bar), float(self.surprise[t, bar]))
            for t, bar in cells
            if not np.isnan(self.surprise[t, bar])
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; bars are counted from 1."""
        cells = [
            {"track": name, "bar": bar + 1, "surprise": round(nats, 4)} for name, bar, nats in self.rank_bars()
        ]
        return {"unit": "nats for each note and beat", "bars": self.piece.n_bars, "cells": cells}


def explain(model: TrainedModel, piece: Piece) -> Explanation:
    """How surprising each bar of each track is. Raises `ConfigError` for a silent piece or another ensemble."""
    with composing_threads():
        *_, found = explain_in_steps(model, piece)
    return found


def explain_in_steps(model: TrainedModel, piece: Piece) -> Iterator[Explanation]:
    """`explain` step by step: yields what is known after each window.

    Bars that are not measured yet are nan. The last item is what `explain` returns.
    """
    model.spec.require_same(piece.spec, "the model", "the piece")
    if not piece.roll.any():
        raise ConfigError("the piece has no notes, so there is nothing to explain")
    found = Explanation(piece=piece, surprise=np.full(piece.roll.shape[:2], np.nan))
    yield found
    size = min(model.window_bars, piece.n_bars)
    for first in [*range(0, piece.n_bars - size, size), piece.n_bars - size]:
        window = piece.roll[None, :, first : first + size]
        nats, n_notes = measure_nats(model, window)
        places = n_notes[0] + model.spec.beats_per_bar
        sounds: NDArray[np.bool_] = np.any(window[0], axis=(2, 3))
        surprise = found.surprise.copy()
        surprise[:, first : first + size] = np.where(sounds, nats[0] / places, np.nan)
        found = replace(found, surprise=surprise)
        yield found


@torch.inference_mode()
def measure_nats(
    model: TrainedModel, rolls: NDArray[np.uint8], controls: Controls | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Minus log probability of every bar of each track, given all others, of windows of a model at most.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    controls : Controls, optional
        What the pieces were asked to be; key, chords and players as they are found when left out.

    Returns
    -------
    nats : (batch, track, bar), float64
        Sums over the beats of a bar, each given what is outside the bar.
    n_notes : (batch, track, bar), int64
    """
    spec = model.spec
    music = Music.from_rolls(rolls, spec)
    if controls is None:
        controls = Controls.measure(music)
        controls = controls.free([name for name in controls.values if name not in _SET_CONTROLS])
    batch = CellBatch.from_notes(music.notes, controls, spec, model.device)
    shape = music.is_sounding.shape
    group = (2 * np.arange(shape[1])[:, None] + np.arange(shape[2])) % _GROUPS  # (track, bar)
    sums = np.zeros(int(np.prod(shape)))
    for number in range(_GROUPS):
        is_known = np.broadcast_to(group != number, shape).repeat(spec.beats_per_bar, axis=2)
        known = torch.from_numpy(np.ascontiguousarray(is_known)).to(model.device)
        target, scores = model.composer.log_likelihood(batch, known)
        bar = target.cpu().numpy() // spec.beats_per_bar
        sums -= np.bincount(bar, scores.double().cpu().numpy(), minlength=len(sums))
    return sums.reshape(shape), music.sum_by_bar().astype(np.int64)


@dataclass(frozen=True)
class SurpriseReason:
    """A surprising bar of a track."""

    track: int
    bar: int  # 0-based
    reason: str  # as what follows the track in "the bass leaves the chord"


def explain_surprises(found: Explanation, count: int = MAX_REASONS) -> list[SurpriseReason]:
    """The most surprising bars of a piece, the most surprising first, each with what sets it apart."""
    names = found.piece.spec.track_names
    return [
        SurpriseReason(names.index(name), bar, find_reason(found.piece, names.index(name), bar))
        for name, bar, _ in found.rank_bars()[:count]
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
        off = _measure_off_chord_shares(piece, track)
        if off[bar] - off[others].mean() >= _OFF_CHORD_EXCESS:
            return "leaves the chord"
        means = (onsets.sum(1) * np.arange(line.shape[2])).sum(1) / np.maximum(counts, 1)
        distance = float(means[bar] - np.median(means[others]))
        if counts[bar] and abs(distance) >= _FAR_SEMITONES:
            return "goes much higher" if distance > 0 else "goes much lower"
    elif onsets[bar].sum() and not (onsets[bar].any(0) & onsets[others].any((0, 1))).any():
        return "has other drums"
    usual = float(np.median(counts[others]))
    if counts[bar] >= _BUSY_RATIO * usual:
        return "is much busier"
    if counts[bar] <= _SPARSE_RATIO * usual:
        return "is much sparser"
    is_new = onsets[bar].any(1) & ~onsets[others].any((0, 2))
    if is_new.sum() >= _NEW_RHYTHM_SHARE * max(onsets[bar].any(1).sum(), 1):
        return "has a rhythm of its own"
    return "does what it does nowhere else"


def _measure_off_chord_shares(piece: Piece, track: int) -> NDArray[np.float64]:
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

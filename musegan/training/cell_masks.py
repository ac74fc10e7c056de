"""What the composer is given in training: cells, controls and tracks, at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from musegan.music.controls import Controls
from musegan.music.excerpts import Music

_REGIONS = ("everything", "tracks", "bars", "cells of a bar")
_REGION_SHARES = (0.45, 0.2, 0.2, 0.15)
_FILLS = ("beats", "bars", "nothing")
_FILL_SHARES = (0.75, 0.15, 0.1)
_TURNS = {1: 0.1, 2: 0.15, 4: 0.4, 8: 0.2, 64: 0.15}  # how often the cells of a pass are drawn in so many turns
_FEWER_TRACKS = 0.15  # share of the windows of which some tracks are left out


def draw_known_cells(
    rng: np.random.Generator, n_pieces: int, n_tracks: int, n_bars: int, beats_per_bar: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Random masks, each ``(batch, track, beat), bool``: cells that are given, and those of them that stand for
    what was composed already.

    A region is to be composed: everything, some tracks, successive bars, or some bars of some tracks. Within it
    some cells are known already, as on the way through the passes of composing: beats or bars by chance, by a
    share that is 0 to 1, or none.
    """
    known = np.ones((n_pieces, n_tracks, n_bars, beats_per_bar), bool)
    composed = np.zeros_like(known)
    for piece, done in zip(known, composed, strict=True):
        region = np.ones((n_tracks, n_bars), bool)
        kind = _REGIONS[rng.choice(len(_REGIONS), p=_REGION_SHARES)]
        if kind == "tracks" and n_tracks > 1:
            region[rng.permutation(n_tracks)[: rng.integers(1, n_tracks)]] = False
        elif kind == "bars":
            first = rng.integers(0, n_bars)
            after = n_bars if rng.random() < 0.5 else rng.integers(first, n_bars) + 1
            region[:, :first] = region[:, after:] = False
        elif kind == "cells of a bar":
            region = rng.random(region.shape) < _draw_share(rng)
        fill = _FILLS[rng.choice(len(_FILLS), p=_FILL_SHARES)]
        if fill == "beats":
            unknown = region[:, :, None] & (rng.random(piece.shape) < _draw_share(rng))
        elif fill == "bars":
            unknown = (region & (rng.random(region.shape) < _draw_share(rng)))[:, :, None]
        else:
            unknown = region[:, :, None]
        piece &= ~unknown
        done |= region[:, :, None] & piece
    shape = n_pieces, n_tracks, n_bars * beats_per_bar
    return known.reshape(shape), composed.reshape(shape)


def _draw_share(rng: np.random.Generator) -> float:
    """The share that is still unknown at a random moment of composing, which falls as a cosine does."""
    return float(np.cos(np.pi / 2 * rng.random()))


def draw_turns(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The turn in which each cell is drawn, ``(batch, track, beat)``: beat after beat, from any turn on, with a
    number of turns by chance, the same for all tracks of a window."""
    n_turns = rng.choice(list(_TURNS), p=list(_TURNS.values()), size=(shape[0], 1))
    turn = (rng.integers(0, n_turns) + np.arange(shape[2])) % n_turns
    return np.broadcast_to(turn[:, None], shape).copy()


def leave_out_tracks(music: Music, rng: np.random.Generator, share: float = _FEWER_TRACKS) -> Music:
    """Music in which some windows have fewer tracks, so that small bands are learned too; one stays."""
    there: NDArray[np.bool_] = np.any(music.is_sounding, axis=2)
    leaves = rng.random(there.shape) < rng.random((len(there), 1))
    leaves &= (rng.random((len(there), 1)) < share) & there
    keep = rng.random(there.shape) * there
    leaves[np.arange(len(there)), keep.argmax(1)] = False
    notes = music.notes
    line = notes.cell // notes.shape[2]
    return replace(
        music,
        notes=notes.select(~leaves.reshape(-1)[line]),
        is_sounding=music.is_sounding & ~leaves[:, :, None],
    )


def free_some_controls(controls: Controls, rng: np.random.Generator) -> Controls:
    """Controls of which some are left free by chance, for whole pieces and for single tracks."""
    for item in controls.kinds:
        of_piece, of_track = item.free_share
        if not of_piece and not of_track:
            continue
        marked: NDArray[np.bool_] = rng.random(controls.n_pieces) < of_piece
        if of_track:
            tracks = rng.random((controls.n_pieces, controls["play"].shape[1])) < of_track
            marked = marked[:, None] | tracks
        controls = controls.free([item.name], marked)
    return controls

"""Who plays when, in phrases: a whole band, as in real songs, or one track after another."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.control_kinds import PLAYS, RESTS
from musegan.music.spec import RollSpec

Arrangement = Literal["full", "natural", "song", "build"]


def arrange_tracks(
    play: NDArray[np.int8], spec: RollSpec, arrangement: Arrangement, phrase: int
) -> NDArray[np.int8]:
    """Play grids, which change only where a phrase begins but for ``song``.

    Parameters
    ----------
    play : (batch, track, bar), int8
        As drawn from real songs.
    arrangement : Arrangement
        ``full``: everyone plays throughout. ``natural``: a track plays in the phrases in which it mostly plays in
        `play`. ``song``: bar by bar as in `play`. ``build``: tracks enter one after the other, harmony first,
        until everyone plays.
    phrase : int
        Bars of a phrase; a piece of one phrase is built bar by bar.

    Returns
    -------
    (batch, track, bar), int8. Raises `ConfigError` for another arrangement.
    """
    if arrangement not in get_args(Arrangement):
        raise ConfigError(f"there is no arrangement {arrangement!r}; choose {', '.join(get_args(Arrangement))}")
    n_bars = play.shape[2]
    bars = np.arange(n_bars)
    if arrangement == "full":
        return np.full_like(play, PLAYS)
    if arrangement == "song":
        return play
    if arrangement == "build":
        unit = phrase if n_bars > phrase else 1
        n_steps = min(-(-n_bars // unit), spec.n_tracks)
        enters = np.empty(spec.n_tracks, np.int64)
        enters[_find_entry_order(spec)] = np.arange(spec.n_tracks) * n_steps // spec.n_tracks * unit
        return np.broadcast_to(np.where(bars >= enters[:, None], PLAYS, RESTS), play.shape).astype(np.int8)
    natural = np.empty_like(play)
    for first in range(0, n_bars, phrase):
        share = (play[:, :, first : first + phrase] == PLAYS).mean(2, keepdims=True)
        natural[:, :, first : first + phrase] = np.where(share >= 0.5, PLAYS, RESTS)
    return natural


def _find_entry_order(spec: RollSpec) -> list[int]:
    """Tracks in the order in which they enter: one with chords, basses, drums, then the others."""

    def rank(row: int) -> int:
        track = spec.tracks[row]
        return 2 if track.is_drum else 1 if 32 <= track.program < 40 else 3

    rows = sorted(range(spec.n_tracks), key=rank)
    chords = next((row for row in rows if rank(row) == 3), rows[0])
    return [chords, *(row for row in rows if row != chords)]

"""The form of a piece: sections that return, who plays when, and a last bar that closes."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.control_kinds import PLAYS, RESTS
from musegan.music.key import Key
from musegan.music.pianoroll import HELD, ONSET
from musegan.music.spec import RollSpec

Arrangement = Literal["full", "natural", "song", "build"]
_KICK, _CRASH = 36, 49  # General MIDI drums of a last beat


def check_form(form: str, n_bars: int, repeat_change: float) -> None:
    """Raise `ConfigError` where a form is not written in letters, its sections do not divide the bars, or what
    changes in those that return is no share."""
    for letter in form:
        if not letter.isalpha():
            raise ConfigError(f"{letter!r} in the form {form!r} is no letter; write one letter a section, AABA")
    if form and n_bars % len(form):
        raise ConfigError(
            f"the form {form!r} has {len(form)} sections, which {n_bars} bars do not divide into; "
            "write one letter per section and give a number of bars that is a multiple"
        )
    if not 0 <= repeat_change <= 1:
        raise ConfigError(f"repeat_change is {repeat_change:g}; it is a share, 0 to 1", field="repeat_change")


def find_form_bars(form: str, size: int) -> NDArray[np.int64]:
    """The bar of each bar of a form when every letter is there once, in the order in which they come: (bar,).

    >>> find_form_bars("AABA", 2)
    array([0, 1, 0, 1, 2, 3, 0, 1])
    """
    places = [list(dict.fromkeys(form)).index(letter) for letter in form]
    return (np.array(places)[:, None] * size + np.arange(size)).reshape(-1)


def number_sections(n_bars: int, size: int) -> tuple[tuple[int, str], ...]:
    """First bar and name of each phrase of `size` bars of a piece."""
    return tuple((first, f"phrase {index + 1}") for index, first in enumerate(range(0, n_bars, size)))


def draw_changed_cells(rng: np.random.Generator, n_tracks: int, n_bars: int, share: float) -> NDArray[np.bool_]:
    """Cells of a section that returns which are composed anew: (track, bar).

    Their number is `share` of all cells. Cells of the last bar, which leads to the next section, come first.
    """
    rank = rng.random((n_tracks, n_bars))
    rank[:, -1] -= 1
    changed = np.zeros(rank.size, bool)
    changed[np.argsort(rank, axis=None)[: round(share * rank.size)]] = True
    return changed.reshape(rank.shape)


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


def close_piece(roll: NDArray[np.uint8], spec: RollSpec, key: Key) -> NDArray[np.uint8]:
    """A copy whose last bar closes: the tonic chord struck once and held, the lowest track on the tonic.

    Drums strike kick and crash, or what they strike on the first step. Tracks that are silent in the last two bars
    stay silent.
    """
    out = roll.copy()
    out[:, -1] = 0
    ends = {row: _find_last_pitches(roll[row], spec) for row in range(spec.n_tracks) if not spec.is_drum[row]}
    lowest = min((row for row in ends if len(ends[row])), key=lambda row: ends[row].mean(), default=None)
    third = 3 if key.is_minor else 4
    for row, heard in ends.items():
        classes = [0] if row == lowest else [0, third, 7]
        allowed = [p for p in range(spec.n_pitches) if (spec.lowest_pitch + p - key.tonic) % 12 in classes]
        for pitch in {min(allowed, key=lambda p: abs(p - pitch)) for pitch in heard.tolist()}:
            out[row, -1, :, pitch] = HELD
            out[row, -1, 0, pitch] = ONSET
    for row in np.flatnonzero(spec.is_drum).tolist():
        if not roll[row, -2:].any():
            continue
        struck = [p - spec.lowest_pitch for p in (_KICK, _CRASH) if 0 <= p - spec.lowest_pitch < spec.n_pitches]
        out[row, -1, 0, struck or np.flatnonzero(roll[row, -1, 0])] = ONSET
    return out


def _find_last_pitches(line: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.int64]:
    """Pitch indices at the first step of the last bar of one track, or those that sounded last before it, or else
    first after it."""
    last_bars = line[-2:].reshape(-1, spec.n_pitches)
    steps = np.flatnonzero(last_bars.any(1))
    if not len(steps):
        return steps
    before = steps[steps <= len(last_bars) - spec.steps_per_bar]
    return np.flatnonzero(last_bars[before[-1] if len(before) else steps[0]])

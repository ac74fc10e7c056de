"""The chord lane and the section lane: chords are read from the music and changed one by one, sections are named
and come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from musegan.composing.forms import draw_changed_cells
from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.music.chords import estimate_chords, parse_progression
from musegan.music.key import Key
from musegan.music.piece import Piece
from musegan.random_streams import Stream, make_rng
from musegan.studio.operations import next_seed
from musegan.studio.state import MAX_BARS, State

SECTION_NAMES = ("Intro", "Verse", "Pre-chorus", "Chorus", "Bridge", "Solo", "Outro")
_VARIED = 0.3  # share of the cells of a section that are composed anew when it comes back varied
_LONGEST_NAME = 40  # characters

# Semitones over the tonic and kind of the chords that are at home in a key, the usual ones first.
_MAJOR = ((0, ""), (5, ""), (7, ""), (9, "m"), (2, "m"), (4, "m"), (7, "7"), (10, ""))
_MINOR = ((0, "m"), (5, "m"), (7, "m"), (8, ""), (3, ""), (10, ""), (7, "7"), (7, ""))


def suggest_chords(key: Key | None) -> list[str]:
    """Chords that are at home in a key, C major when there is none."""
    key = key or Key(0)
    names = key.note_names(plain=True)
    return [names[(key.tonic + degree) % 12] + kind for degree, kind in (_MINOR if key.is_minor else _MAJOR)]


def list_chords(piece: Piece) -> list[list[str]]:
    """The chords of each bar of a piece; a bar in which none begins has the one before."""
    found = dict(estimate_chords(piece.roll, piece.spec, piece.key)) if piece.roll.any() else {}
    bars, last = [], "N.C."
    for bar in range(piece.n_bars):
        beats = range(bar * piece.spec.beats_per_bar, (bar + 1) * piece.spec.beats_per_bar)
        symbols = [found[beat] for beat in beats if beat in found]
        if beats[0] not in found:
            symbols.insert(0, last)
        bars.append(symbols)
        last = symbols[-1]
    return bars


def change_chord(state: State, bar: int, symbols: str) -> State:
    """A state that asks for other chords in a bar, and for what is there, or was asked for, in all others.

    `symbols` are one chord or several that share the bar. Raises `ConfigError` where they cannot be read.
    """
    if not 0 <= bar < state.n_bars:
        raise ConfigError(f"there is no bar {bar + 1}; the piece has {state.n_bars}")
    parse_progression(f"| {symbols} |", state.piece.spec.beats_per_bar)
    bars = list_chords(state.piece)
    if state.settings.progression:
        asked = _split_bars(state.settings.progression)
        bars = [asked[index % len(asked)] for index in range(state.n_bars)]
    bars[bar] = symbols.split()
    text = " | ".join(" ".join(chords) for chords in bars)
    return replace(
        state, settings=replace(state.settings, progression=f"| {text} |"), label=f"chord of bar {bar + 1}"
    )


def _split_bars(progression: str) -> list[list[str]]:
    bars = progression.split("|") if "|" in progression else progression.split()
    return [bar.split() for bar in bars if bar.strip()]


def name_sections(state: State, sections: Sequence[Sequence[object]]) -> State:
    """A state with these sections: first bar, 0-based, and name of each. Raises `ConfigError` for what is none."""
    named: dict[int, str] = {}
    for item in sections:
        if len(item) != 2 or type(item[0]) is not int or not isinstance(item[1], str):
            raise ConfigError("a section is a bar and a name")
        if not 0 <= item[0] < state.n_bars:
            raise ConfigError(f"there is no bar {item[0] + 1}; the piece has {state.n_bars}")
        named[item[0]] = item[1].strip()[:_LONGEST_NAME] or "section"
    piece = replace(state.piece, sections=tuple(sorted(named.items())))
    return replace(state, piece=piece, label="sections")


def repeat_section(model: Model, state: State, first: int, *, is_varied: bool) -> State:
    """A section once more after the last bar, as it is or with some of its cells composed anew.

    What comes back as it is, is kept.
    """
    sections = dict(state.piece.sections)
    if first not in sections:
        raise ConfigError(f"no section begins in bar {first + 1}")
    end = min([bar for bar in sections if bar > first], default=state.n_bars)
    size, n_bars = end - first, state.n_bars
    if n_bars + size > MAX_BARS:
        raise ConfigError(f"a piece can have {MAX_BARS} bars; this one would have {n_bars + size}")

    def grow(grid: np.ndarray, value: bool) -> np.ndarray:
        return np.pad(grid, ((0, 0), (0, size)), constant_values=value)

    roll = np.concatenate([state.piece.roll, state.piece.roll[:, first:end]], axis=1)
    name = sections[first]
    piece = replace(state.piece, roll=roll, given=None, sections=(*state.piece.sections, (n_bars, name)))
    settings = replace(state.settings, n_bars=n_bars + size)
    if is_varied:
        settings = replace(settings, seed=next_seed(settings.seed))
        changed = draw_changed_cells(make_rng(settings.seed, Stream.FORM), len(roll), size, _VARIED)
        mask = np.concatenate([np.ones((len(roll), n_bars), bool), ~changed], axis=1)
        request = settings.request(model.spec.track_names, n_bars + size)
        piece = replace(model.fill(piece, mask, request=request), given=None)
    return replace(
        state,
        piece=piece,
        kept=grow(state.kept, not is_varied),
        own=grow(state.own, False),
        from_file=grow(state.from_file, False),
        settings=settings,
        label=f"{name} again" + (", varied" if is_varied else ""),
    )

"""A composed piece: its roll and everything that writing, drawing and playing it needs.

This is what the composing functions return. It is data: what draws, plays or writes takes it as an argument. What
turns it into objects of other libraries is in the room `midi`, which enters itself in `CONVERTERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM, RollSpec

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI
    from symusic.core import ScoreTick


class Feel(Protocol):
    """How notes are played: what draws their velocities and timing."""

    def draw(self, piece: Piece, notes: NDArray, first_bar: int) -> tuple[NDArray, NDArray]:
        """MIDI velocity, 1 to 127, and distance from the grid in steps (late > 0) of each note at full strength.

        Parameters
        ----------
        piece : Piece
            Whose notes they are: its spec, tempo and seed count.
        notes : (note,)
            `musegan.music.pianoroll.NOTE`, in order.
        first_bar : int
            Number of the piece's first bar in the music that it is a part of. A bar is played the same within a
            part and within the whole.
        """
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """A piece of music on the grid. Raises `ConfigError` when the parts do not fit each other."""

    roll: NDArray[np.uint8]  # (track, bar, step, pitch): 0 silent, 1 held, 2 onset
    spec: RollSpec  # what the axes of the roll mean
    tempo_qpm: float = 120.0  # quarter notes a minute
    key: Key | None = None  # written as a key signature when it is known
    given: NDArray[np.bool_] | None = None  # (track, bar), True: the user's own material
    sections: tuple[tuple[int, str], ...] = ()  # first bar (0-based) and label of each section and phrase
    feel: NDArray[np.float32] | Feel | None = None  # or a table (track, step, 4), see midi.performance.FEEL
    seed: int = 0  # of the humanised velocities and times
    bars_before: int = 0  # of the longer piece that this one is cut from

    def __post_init__(self) -> None:
        spec, shape = self.spec, np.shape(self.roll)
        if len(shape) != 4 or shape != spec.shape(shape[1]):
            raise ConfigError(
                f"a roll of shape {shape} does not fit the ensemble, which needs (track, bar, step, pitch) = "
                f"({spec.n_tracks}, any, {spec.steps_per_bar}, {spec.n_pitches})"
            )
        if self.roll.dtype != np.uint8 or (shape[1] and self.roll.max() > 2):
            raise ConfigError("a roll is uint8 with 0 for silent, 1 for held and 2 for onset")
        if not SLOWEST_QPM <= self.tempo_qpm <= FASTEST_QPM:
            raise ConfigError(
                f"the tempo is {self.tempo_qpm:g}; {SLOWEST_QPM:g} to {FASTEST_QPM:g} quarter notes a minute "
                "are possible"
            )
        for name, part, wanted in (
            ("given", self.given, shape[:2]),
            ("feel", self.feel, (spec.n_tracks, spec.steps_per_bar, 4)),
        ):
            if isinstance(part, np.ndarray) and part.shape != wanted:
                raise ConfigError(f"{name} has shape {part.shape}; the piece needs {wanted}")
        if self.given is not None and self.given.dtype != bool:
            raise ConfigError(f"given is {self.given.dtype}; it must be bool, True where material is given")
        if self.seed < 0:
            raise ConfigError(f"the seed is {self.seed}; it must be 0 or more")
        if any(not 0 <= bar < shape[1] for bar, _ in self.sections):
            raise ConfigError(f"a section starts outside the {shape[1]} bars: {self.sections}")

    @property
    def n_bars(self) -> int:
        return self.roll.shape[1]

    @property
    def seconds(self) -> float:
        """Playing time."""
        return self.n_bars * self.spec.beats_per_bar * 60 / self.tempo_qpm

    def cut(self, first_bar: int, end_bar: int) -> Piece:
        """The bars ``first_bar ... end_bar - 1`` (0-based). Raises `ConfigError` when they are not there."""
        if not 0 <= first_bar < end_bar <= self.n_bars:
            raise ConfigError(
                f"bars {first_bar + 1}-{end_bar} are not in the piece, which has the bars 1-{self.n_bars}"
            )
        bars = slice(first_bar, end_bar)
        return replace(
            self,
            roll=self.roll[:, bars],
            given=None if self.given is None else self.given[:, bars],
            bars_before=self.bars_before + first_bar,
            sections=tuple((bar - first_bar, name) for bar, name in self.sections if first_bar <= bar < end_bar),
        )

    def to_pretty_midi(self, humanize: float = 1.0) -> PrettyMIDI:
        """The piece as a `pretty_midi.PrettyMIDI`, one instrument a track; markers become text events.

        `humanize` is as in `musegan.write`: 0 is flat and on the grid, 1 has the feel of the corpus.
        """
        return _find_converter("pretty_midi").export(self, humanize)

    @classmethod
    def from_pretty_midi(cls, midi: PrettyMIDI, spec: RollSpec) -> Piece:
        """The notes of a `pretty_midi.PrettyMIDI` on the grid of `spec`, instruments by name and program.

        Raises `MidiError` when nothing in it fits.
        """
        return _find_converter("pretty_midi").read(midi, spec)

    def to_symusic(self, humanize: float = 1.0) -> ScoreTick:
        """The piece as a `symusic.Score` in ticks: what a MIDI file of it says. Silent tracks are lost."""
        return _find_converter("symusic").export(self, humanize)

    @classmethod
    def from_symusic(cls, score: Any, spec: RollSpec) -> Piece:
        """The notes of a `symusic.Score`, in any unit of time, on the grid of `spec`, tracks by name and program.

        Raises `MidiError` when nothing in it fits.
        """
        return _find_converter("symusic").read(score, spec)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        return np.array(self.roll, dtype, copy=copy)

    def __repr__(self) -> str:
        tracks = ", ".join(self.spec.track_names)
        key = f", {self.key}" if self.key else ""
        return f"Piece({self.n_bars} bars of {tracks}; {self.tempo_qpm:g} qpm{key}; seed {self.seed})"


@dataclass(frozen=True)
class Converter:
    """How pieces become objects of another library, and these become pieces."""

    export: Callable[[Piece, float], Any]  # of a piece and how humanised it is played
    read: Callable[[Any, RollSpec], Piece]


CONVERTERS: dict[str, Converter] = {}
"""By the name of the library."""


def _find_converter(library: str) -> Converter:
    if library not in CONVERTERS:
        raise ConfigError(f"pieces are converted to {library} by musegan.midi; import it first")
    return CONVERTERS[library]

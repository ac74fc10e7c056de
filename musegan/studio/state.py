"""One state of a project as plain values: the piece, whose each cell is, and what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model import Model
from musegan.composing.request import MAX_BARS, GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.pianoroll import NOTE, notes_to_roll, roll_to_notes
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec
from musegan.options import About, list_options
from musegan.schema import make_fields

Grid = NDArray[np.bool_]
"""(track, bar)"""

NoteKey = tuple[int, int, int]
"""What tells a note from others: track, start in steps of the piece, pitch."""


@dataclass(frozen=True, kw_only=True)
class StudioSettings(GenerationRequest):
    """What the page asks for, besides which cells: a request, and what the tasks of the page need."""

    n_bars: Annotated[int, About("Bars of the piece.", 1, MAX_BARS)] = 8
    form: Annotated[str, About("Sections by letter, like AABA, of a piece from nothing.")] = ""
    loop: Annotated[bool, About("The end of a piece from nothing leads back to the beginning.")] = False
    out: Annotated[Sequence[str], About("Tracks that are not in the band.")] = ()
    humanize: Annotated[float, About("Feel of velocity and timing.", 0, 1)] = 1.0

    def request(self, track_names: Sequence[str], n_bars: int) -> GenerationRequest:
        """The request for a piece of `n_bars`, without what says nothing of it."""
        values = {option.field: getattr(self, option.field) for option in list_options(GenerationRequest)}
        for name in ("rests", "plays"):
            inside = {track: [bar for bar in bars if bar < n_bars] for track, bars in values[name].items()}
            values[name] = {track: bars for track, bars in inside.items() if bars}
        values["density"] = {
            track: factor for track, factor in self.density.items() if factor != 1 and track in track_names
        }
        values["knobs"] = {name: steps for name, steps in self.knobs.items() if steps}
        return GenerationRequest(**values)


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """A piece, whose each cell is, what is asked for, and where it came from."""

    piece: Piece
    kept: Grid  # what the next composing leaves as it is
    own: Grid  # the user's music: read from a file, or edited by hand
    from_file: Grid  # exactly what the file has there
    settings: StudioSettings = field(default_factory=StudioSettings)
    velocities: Mapping[NoteKey, int] = field(default_factory=dict)  # that were set by hand, in cells of one's own
    source: Source | None = None  # the file that was read
    mixer: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # mute, solo, volume by track
    song: str = ""  # tells songs of a project apart
    title: str = ""  # what the user calls the song
    label: str = "an empty page"  # what made this state, for undo

    @property
    def n_bars(self) -> int:
        return self.piece.n_bars

    @classmethod
    def empty(cls, model: Model, n_bars: int = 8) -> State:
        """Nothing yet, everything free."""
        nothing = np.zeros((model.spec.n_tracks, n_bars), bool)
        piece = Piece(roll=np.zeros(model.spec.shape(n_bars), np.uint8), spec=model.spec, feel=model.feel)
        return cls(
            piece=piece, kept=nothing, own=nothing, from_file=nothing, settings=StudioSettings(n_bars=n_bars)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` reads them."""
        piece = self.piece
        notes = roll_to_notes(piece.roll, piece.spec)
        return {
            "n_bars": piece.n_bars,
            "notes": [notes[name].tolist() for name in ("track", "start", "duration", "pitch")],
            "velocities": [[*key, velocity] for key, velocity in sorted(self.velocities.items())],
            "tempo": piece.tempo_qpm,
            "key": str(piece.key) if piece.key else None,
            "sections": piece.sections,
            "seed": piece.seed,
            "kept": self.kept.astype(int).tolist(),
            "own": self.own.astype(int).tolist(),
            "from_file": self.from_file.astype(int).tolist(),
            "asked": self.settings.to_plain(),
            "source": asdict(self.source) if self.source else None,
            "mixer": self.mixer,
            "song": self.song,
            "title": self.title,
            "label": self.label,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], model: Model) -> State:
        """The inverse of `to_dict`. Raises `ConfigError` for other values."""
        saved = make_fields(_Saved, values, "state")
        spec = model.spec
        piece = Piece(
            roll=notes_to_roll(saved.read_notes(spec), spec, saved.n_bars),
            spec=spec,
            tempo_qpm=saved.tempo,
            key=Key.parse(saved.key) if saved.key else None,
            sections=saved.sections,
            feel=model.feel,
            seed=saved.seed,
        )
        shape = piece.roll.shape[:2]
        return cls(
            piece=piece,
            kept=_read_grid(saved.kept, shape, "kept"),
            own=_read_grid(saved.own, shape, "own"),
            from_file=_read_grid(saved.from_file, shape, "from_file"),
            velocities=saved.read_velocities(),
            settings=StudioSettings().with_plain(saved.asked),
            source=saved.source,
            mixer=saved.mixer,
            song=saved.song,
            title=saved.title,
            label=saved.label,
        )


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that was read: where its copy is in the project's folder, and how its parts were understood."""

    copy: str  # name of the copy, made from its content
    name: str  # what the user calls it
    mapping: tuple[tuple[str, str], ...] = ()  # part number and track, where the user corrected it


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """The plain values of a state."""

    n_bars: int
    notes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    tempo: float
    key: str | None
    sections: tuple[tuple[int, str], ...]
    seed: int
    kept: tuple[tuple[int, ...], ...]
    own: tuple[tuple[int, ...], ...]
    from_file: tuple[tuple[int, ...], ...]
    asked: dict[str, Any]
    source: Source | None
    mixer: Mapping[str, Mapping[str, bool | float]] = field(default_factory=dict)
    song: str = ""
    title: str = ""
    label: str
    velocities: tuple[tuple[int, int, int, int], ...] = ()  # track, start, pitch and velocity of notes

    def __post_init__(self) -> None:
        if not 1 <= self.n_bars <= MAX_BARS:
            raise ConfigError(f"state.n_bars is {self.n_bars}; 1 to {MAX_BARS} are possible")

    def read_velocities(self) -> dict[NoteKey, int]:
        """The velocities that were set by hand. Raises `ConfigError` for one that MIDI has not."""
        if any(not 1 <= velocity <= 127 for *_, velocity in self.velocities):
            raise ConfigError("state.velocities has a velocity outside 1 to 127")
        return {(track, start, pitch): velocity for track, start, pitch, velocity in self.velocities}

    def read_notes(self, spec: RollSpec) -> NDArray:
        """The notes as `NOTE` rows. Raises `ConfigError` where one is outside the piece."""
        if len({len(column) for column in self.notes}) != 1:
            raise ConfigError("state.notes has columns of different lengths")
        n_steps = self.n_bars * spec.steps_per_bar
        lowest, highest = spec.lowest_pitch, spec.lowest_pitch + spec.n_pitches - 1
        limits = {
            "track": (0, spec.n_tracks - 1),
            "start": (0, n_steps - 1),
            "duration": (1, n_steps),
            "pitch": (lowest, highest),
        }
        notes = np.zeros(len(self.notes[0]), NOTE)
        for (name, (low, high)), column in zip(limits.items(), self.notes, strict=True):
            if column and not low <= min(column) <= max(column) <= high:
                raise ConfigError(f"state.notes has a {name} outside {low} to {high}")
            notes[name] = column
        notes["velocity"] = 90
        return notes


def _read_grid(rows: Sequence[Sequence[int]], shape: tuple[int, ...], name: str) -> Grid:
    if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
        raise ConfigError(f"state.{name} is made for another ensemble or length")
    return np.array(rows, bool).reshape(shape)

"""One state of a project as plain values: the piece, whose each cell is, and what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model import MAX_BARS, Model
from musegan.composing.options import About, list_options
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.pianoroll import NOTE, notes_to_roll, roll_to_notes
from musegan.music.piece import Piece

Grid = NDArray[np.bool_]
"""(track, bar)"""


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
    source: Source | None = None  # the file that was read
    mixer: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # mute, solo, volume by track
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
            "label": self.label,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], model: Model) -> State:
        """The inverse of `to_dict`. Raises `ConfigError`, `KeyError` or `ValueError` for other values."""
        columns = values["notes"]
        notes = np.zeros(len(columns[0]), NOTE)
        for name, column in zip(("track", "start", "duration", "pitch"), columns, strict=True):
            notes[name] = column
        notes["velocity"] = 90
        piece = Piece(
            roll=notes_to_roll(notes, model.spec, values["n_bars"]),
            spec=model.spec,
            tempo_qpm=values["tempo"],
            key=Key.parse(values["key"]) if values["key"] else None,
            sections=tuple((int(bar), str(label)) for bar, label in values["sections"]),
            feel=model.feel,
            seed=values["seed"],
        )
        grids = {name: np.array(values[name], bool) for name in ("kept", "own", "from_file")}
        if any(grid.shape != piece.roll.shape[:2] for grid in grids.values()):
            raise ConfigError("the project is made for another ensemble")
        return cls(
            piece=piece,
            **grids,
            settings=StudioSettings().with_plain(values["asked"]),
            source=Source.from_dict(values["source"]) if values["source"] else None,
            mixer=values.get("mixer", {}),
            label=values["label"],
        )


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that was read: where its copy is in the project's folder, and how its parts were understood."""

    copy: str  # name of the copy, made from its content
    name: str  # what the user calls it
    mapping: tuple[tuple[str, str], ...] = ()  # part number and track, where the user corrected it

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Source:
        mapping = tuple((str(part), str(track)) for part, track in values["mapping"])
        return cls(copy=str(values["copy"]), name=str(values["name"]), mapping=mapping)

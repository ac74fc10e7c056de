"""One state of a project as plain values: the piece, whose each cell is, and what is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model import Model
from musegan.composing.parse import MAX_STEPS
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.pianoroll import NOTE, notes_to_roll, roll_to_notes
from musegan.music.piece import Piece

Grid = NDArray[np.bool_]
"""(track, bar)"""

MAX_BARS = 512
_LIMITS = {
    "seed": (0, 2**31 - 1),
    "temperature": (0, 3),
    "best_of": (1, 64),
    "tempo": (4, 1000),
    "humanize": (0, 1),
    "n_bars": (1, MAX_BARS),
}


@dataclass(frozen=True, kw_only=True)
class StudioSettings:
    """What the page asks for, besides which cells. Everything is a plain value of JSON."""

    seed: int = 1
    n_bars: int = 8  # bars of a piece that is composed from nothing
    form: str = ""  # one letter a section, for a piece from nothing
    loop: bool = False  # its last bars lead back to the first
    temperature: float = 1.0
    best_of: int = 1
    key: str = ""  # empty: free
    snap: bool = False
    tempo: float | None = None  # quarter notes a minute; None: that of the file, or 120
    progression: str = ""  # a chord a bar, like "C Am F G"; empty: free
    style: str = ""
    density: Mapping[str, float] = field(default_factory=dict)  # times the usual number of notes, by track
    knobs: Mapping[str, float] = field(default_factory=dict)  # steps by knob of the model
    out: tuple[str, ...] = ()  # tracks that are not in the band
    rests: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # bars (0-based) of silence, by track
    humanize: float = 1.0

    def with_changes(self, values: Mapping[str, Any]) -> StudioSettings:
        """A copy with some values changed. Raises `ConfigError` for an unknown name or a wrong value."""
        known = {item.name: item.default for item in fields(self)}
        changes = {}
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"there is no wish {name!r}; there are {', '.join(known)}")
            changes[name] = _check_value(name, value, known[name])
        return replace(self, **changes)

    def request(self, track_names: tuple[str, ...], n_bars: int) -> GenerationRequest:
        """The same for the composing functions, for a piece of `n_bars`."""
        rests = {name: [bar for bar in bars if bar < n_bars] for name, bars in self.rests.items()}
        return GenerationRequest(
            seed=self.seed,
            temperature=self.temperature,
            best_of=self.best_of,
            key=Key.parse(self.key) if self.key else None,
            snap=self.snap,
            density={name: factor for name, factor in self.density.items() if factor != 1 and name in track_names},
            knobs={name: step for name, step in self.knobs.items() if step},
            rests={name: bars for name, bars in rests.items() if bars},
            style=self.style or None,
            tempo_qpm=self.tempo,
            progression=self.progression or None,
        )


def _check_value(name: str, value: Any, default: Any) -> Any:
    if name == "density" and _is_table(value) and all(_is_number(v) and 0 <= v <= 8 for v in value.values()):
        return {str(key): float(factor) for key, factor in value.items()}
    if name == "knobs" and _is_table(value) and all(_is_number(v) and abs(v) <= MAX_STEPS for v in value.values()):
        return {str(key): float(step) for key, step in value.items()}
    if name == "rests" and _is_table(value) and all(_is_bars(bars) for bars in value.values()):
        return {str(key): tuple(bars) for key, bars in value.items()}
    if name == "out" and isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if name == "tempo" and value is None:
        return None
    if name in _LIMITS and _is_number(value):
        low, high = _LIMITS[name]
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value:g}; {low:g} to {high:g} are possible")
        return int(value) if isinstance(default, int) else float(value)
    if name in ("key", "form", "progression", "style") and isinstance(value, str) and len(value) <= 4096:
        if name == "key" and value:
            Key.parse(value)
        return value.strip()
    if isinstance(default, bool) and isinstance(value, bool):
        return value
    raise ConfigError(f"{name} cannot be {value!r}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) <= 64


def _is_bars(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(type(bar) is int and 0 <= bar < MAX_BARS for bar in value)


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
            "asked": asdict(self.settings),
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
            settings=_drop_unknown_knobs(model, StudioSettings().with_changes(values["asked"])),
            source=Source.from_dict(values["source"]) if values["source"] else None,
            mixer=values.get("mixer", {}),
            label=values["label"],
        )


def _drop_unknown_knobs(model: Model, settings: StudioSettings) -> StudioSettings:
    """Without knobs that the model has not: the project may have been another model's."""
    known = model.facts.get("knobs", {})
    return replace(settings, knobs={name: step for name, step in settings.knobs.items() if name in known})


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

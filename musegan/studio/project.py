"""A project: all its states in order, the one that is shown, and the file that keeps them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musegan.composing.model import Model
from musegan.errors import ConfigError, MuseganError
from musegan.files import atomic_write
from musegan.schema import make_fields, read_json
from musegan.studio.state import State

FORMAT = "musegan studio 1"
MOST_BYTES = 32_000_000  # of packed states; beyond that the oldest are forgotten, but for the first
MOST_STATE_BYTES = 64 << 20  # of one state, unpacked


def data_folder() -> Path:
    """Where the studio keeps its project: ``MUSEGAN_STUDIO``, or the user's data folder on this system."""
    if os.environ.get("MUSEGAN_STUDIO"):
        return Path(os.environ["MUSEGAN_STUDIO"])
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library/Application Support/musegan/studio"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home)) / "musegan" / "studio"
    return Path(os.environ.get("XDG_DATA_HOME", home / ".local/share")) / "musegan" / "studio"


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """What is in the file."""

    format: str
    position: int
    states: list[str]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"its format is {self.format!r}")
        if not 0 <= self.position < len(self.states):
            raise ConfigError(f"project.position is {self.position}; there are {len(self.states)} states")


@dataclass
class Project:
    """The history of one piece of work. What is changed is in the file once it is saved."""

    path: Path
    model: Model
    packed: list[str] = field(default_factory=list)  # every state, oldest first
    position: int = 0  # of the state that is shown
    gesture: str | None = None  # what the shown state is part of, such as one turn of a knob

    def __post_init__(self) -> None:
        if not self.packed:
            self.packed = [_pack_state(State.empty(self.model))]
        self.state = State.from_dict(_unpack_state(self.packed[self.position]), self.model)

    @classmethod
    def load(cls, folder: Path, model: Model) -> Project:
        """The project in a folder, one an ensemble, or a new one. Raises `MuseganError` for a damaged file."""
        ensemble = hashlib.sha256(json.dumps(model.spec.to_dict()).encode()).hexdigest()[:8]
        path = folder / f"project-{ensemble}.json"
        if not path.is_file():
            return cls(path, model)
        try:
            saved = make_fields(_Saved, read_json(path.read_text(encoding="utf-8"), "the text"), "project")
            return cls(path, model, saved.states, saved.position)
        except (OSError, ValueError, MuseganError) as error:
            raise MuseganError(f"{path} is damaged ({error}); move it away to start afresh") from error

    def push(self, state: State, gesture: str | None = None) -> None:
        """Show a new state. States of one gesture replace each other; what was undone is forgotten."""
        del self.packed[self.position + 1 :]
        if gesture is not None and gesture == self.gesture and self.position:
            self.packed.pop()
        self.packed.append(_pack_state(state))
        while sum(map(len, self.packed)) > MOST_BYTES and len(self.packed) > 2:
            del self.packed[1]
        self.position, self.gesture, self.state = len(self.packed) - 1, gesture, state

    def undo(self) -> None:
        """Show the state before."""
        self._show(self.position - 1)

    def redo(self) -> None:
        """Show the state after."""
        self._show(self.position + 1)

    def next_label(self) -> str | None:
        """What redo would do again."""
        following = self.packed[self.position + 1 : self.position + 2]
        return str(_unpack_state(following[0]).get("label")) if following else None

    def _show(self, position: int) -> None:
        if 0 <= position < len(self.packed):
            self.state = State.from_dict(_unpack_state(self.packed[position]), self.model)
            self.position, self.gesture = position, None

    def save(self) -> None:
        """Write the file, whole or not at all. Raises `MuseganError`."""
        values = {"format": FORMAT, "position": self.position, "states": self.packed}
        try:
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps(values), encoding="utf-8")
        except OSError as error:
            raise MuseganError(f"the project cannot be saved: {error}; make room on the disk") from error


def _pack_state(state: State) -> str:
    return base64.b64encode(zlib.compress(json.dumps(state.to_dict()).encode(), 1)).decode()


def _unpack_state(text: str) -> dict[str, Any]:
    """The plain values of a state. Raises `MuseganError` for what is none."""
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), MOST_STATE_BYTES)
    except (ValueError, zlib.error) as error:
        raise MuseganError(f"a state of the project is damaged: {error}") from error
    values = read_json(unpacked, "a state of the project")
    if not isinstance(values, dict):
        raise MuseganError("a state of the project is no table")
    return values

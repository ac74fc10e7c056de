"""A project: all its states, each with the one that it was made from, the one that is shown, and their file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musegan.composing.model import Model
from musegan.errors import ConfigError, MuseganError
from musegan.files import atomic_write, hold_folder
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


@contextmanager
def hold_project(folder: Path) -> Iterator[None]:
    """Work on the projects in a folder alone. Raises `MuseganError` while another studio does, for each would save
    over what the other has saved."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(hold_folder(folder))
        except BlockingIOError as error:
            raise MuseganError(
                f"another studio works on {folder} and does not answer; end it, or choose another folder for the "
                "project"
            ) from error
        yield


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """What is in the file."""

    format: str
    position: int
    states: list[str]
    parents: list[int] | None = None  # of each state; None: each was made from the one before

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"its format is {self.format!r}")
        if not 0 <= self.position < len(self.states):
            raise ConfigError(f"project.position is {self.position}; there are {len(self.states)} states")
        if self.parents is None:
            return
        if len(self.parents) != len(self.states):
            raise ConfigError(f"project.parents has {len(self.parents)} items for {len(self.states)} states")
        if any(not -1 <= parent < index for index, parent in enumerate(self.parents)):
            raise ConfigError("project.parents has a state that is made from a later one")


@dataclass
class Project:
    """The history of some songs, as a tree: what comes after an undo is a branch. It is in the file once saved."""

    path: Path
    model: Model
    packed: list[str] = field(default_factory=list)  # every state, oldest first
    position: int = 0  # of the state that is shown
    gesture: str | None = None  # what the shown state is part of, such as one turn of a knob
    parents: list[int] = field(default_factory=list)  # the state that each was made from, -1 for the first

    def __post_init__(self) -> None:
        if not self.packed:
            self.packed = [_pack_state(State.empty(self.model))]
        if not self.parents:
            self.parents = list(range(-1, len(self.packed) - 1))
        self._visited: dict[int, int] = {}  # the child of a state that was shown last
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
            return cls(path, model, saved.states, saved.position, parents=saved.parents or [])
        except (OSError, ValueError, MuseganError) as error:
            raise MuseganError(f"{path} is damaged ({error}); move it away to start afresh") from error

    def push(self, state: State, gesture: str | None = None) -> None:
        """Show a new state, made from the one that is shown. States of one gesture replace each other."""
        is_same = gesture is not None and gesture == self.gesture and self.parents[self.position] >= 0
        if is_same and self.position not in self.parents:
            self.packed[self.position] = _pack_state(state)
        else:
            self.packed.append(_pack_state(state))
            self.parents.append(self.position)
            self._go_to(len(self.packed) - 1)
        self.gesture, self.state = gesture, state
        while sum(map(len, self.packed)) > MOST_BYTES and len(self.packed) > 2:
            self._forget(1 if self.position != 1 else 2)

    def _forget(self, index: int) -> None:
        """Take a state out of the tree; what was made from it is then made from the one before."""
        above = self.parents[index]
        del self.packed[index], self.parents[index]
        self.parents = [above if parent == index else parent - (parent > index) for parent in self.parents]
        self.position -= self.position > index
        self._visited = {}

    def undo(self) -> None:
        """Show the state that this one was made from."""
        self.show(self.parents[self.position])

    def redo(self) -> None:
        """Show the state that was made from this one: of several the one that was shown last."""
        following = self._find_next()
        if following is not None:
            self.show(following)

    def next_label(self) -> str | None:
        """What redo would do again."""
        following = self._find_next()
        return None if following is None else str(_unpack_state(self.packed[following]).get("label"))

    def _find_next(self) -> int | None:
        children = [index for index, parent in enumerate(self.parents) if parent == self.position]
        visited = self._visited.get(self.position)
        return visited if visited in children else max(children, default=None)

    def show(self, index: int) -> None:
        """Show any state; nothing for one that is not there."""
        if 0 <= index < len(self.packed):
            self.state = State.from_dict(_unpack_state(self.packed[index]), self.model)
            self._go_to(index)
            self.gesture = None

    def _go_to(self, index: int) -> None:
        self.position = index
        if self.parents[index] >= 0:
            self._visited[self.parents[index]] = index

    def list_plain(self) -> list[dict[str, Any]]:
        """The plain values of all states, oldest first."""
        return [_unpack_state(packed) for packed in self.packed]

    def save(self) -> None:
        """Write the file, whole or not at all. Raises `MuseganError`."""
        values = {"format": FORMAT, "position": self.position, "states": self.packed}
        values["parents"] = self.parents
        try:
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps(values), encoding="utf-8")
        except OSError as error:
            raise MuseganError(
                f"the project cannot be saved: {error}; make room or allow writing there"
            ) from error


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

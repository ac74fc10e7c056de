"""Where the band plays along: starts and ends a jam for a session, and says where it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.studio.jam_thread import JamThread, PlayedBar, Setting
from musegan.studio.state import State

JAM_FILE = "jam.mid"
"""All that was played along, the last time."""


class JamController:
    """At most one jam at a time.

    Parameters
    ----------
    model : Model
    folder : Path
        Gets the file of a jam that ended.
    state : callable
        Returns the state of the page.
    submit : callable
        Queues a message: ``jam_bar`` with each `PlayedBar`.
    tell : callable
        Tells all pages of an event.
    """

    def __init__(
        self,
        model: Model,
        folder: Path,
        *,
        state: Callable[[], State],
        submit: Callable[[dict[str, Any]], Any],
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self.file = folder / JAM_FILE
        self._model, self._state, self._submit, self._tell = model, state, submit, tell
        self._thread: JamThread | None = None

    @property
    def is_playing(self) -> bool:
        return self._thread is not None

    def start(self, message: dict[str, Any]) -> None:
        """Begin with the count-in. Raises `MuseganError`."""
        if self.is_playing:
            raise ConfigError("the band is playing along already")
        setting = Setting(
            keep=message["keep"],
            input_port=message.get("in") or None,
            output_port=message.get("out") or None,
            follow_clock=message.get("follow_clock", False),
        )
        gesture = secrets.token_hex(4)  # all bars are one step of undo

        def on_bar(bar: PlayedBar) -> None:
            self._submit({"type": "jam_bar", "bar": bar, "gesture": gesture})

        self._thread = JamThread(
            self._model, setting, state=self._state, on_bar=on_bar, on_end=self._end_jam, file=self.file
        )
        self._tell(self.view())

    def stop(self) -> None:
        """End, and wait for the file."""
        if self._thread is not None:
            self._thread.stop()

    def view(self) -> dict[str, Any]:
        """An event that says whether the band plays, and where it is."""
        thread = self._thread
        if thread is None:
            return {"type": "jam", "is_playing": False, "file": self.file.is_file()}
        return {"type": "jam", **thread.view()}

    def _end_jam(self, facts: dict[str, Any]) -> None:
        """Called in the thread of the jam."""
        self._thread = None
        self._tell({"type": "jam", "is_playing": False, **facts})

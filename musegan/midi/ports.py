"""MIDI ports: their names, opening them, sending and listening. Nothing else touches python-rtmidi."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from types import ModuleType, TracebackType
from typing import Any

from musegan.errors import MissingToolError, MuseganError

OWN_NAME = "musegan"
"""Of the program and of the ports that it opens for others to connect to."""

_SILENCE = (64, 120, 123)  # controllers: sustain off, all sound off, all notes off
_CLOSE_SECONDS = 0.05  # seconds for what ends all notes to be sent
_POLL_SECONDS = 0.001  # seconds between looks at what has come in
_NO_OWN_PORTS = "ports of our own cannot be opened on this system; name one that there is: {}"


class OutputPort:
    """A port that messages are sent to. Closing it leaves no note sounding."""

    def __init__(self, name: str | None = None) -> None:
        """Open the port called `name`, or one of our own that others connect to. Raises as `list_outputs`."""
        self._device = _open_device("MidiOut", name)

    def send(self, message: Sequence[int]) -> None:
        """Send the bytes of one message."""
        self._device.send_message(message)

    def send_silence(self) -> None:
        """End every note on every channel."""
        for channel in range(16):
            for controller in _SILENCE:
                self.send((0xB0 | channel, controller, 0))

    def __enter__(self) -> OutputPort:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Systems that send in cycles lose what falls into one that they miss, and what still waits at the end.
        for _ in range(2):
            self.send_silence()
            time.sleep(_CLOSE_SECONDS)
        self._device.close_port()
        self._device.delete()


class InputPort:
    """A port that is listened to.

    Messages are fetched: a system's thread that called Python would wait for the interpreter while the interpreter
    waits for that thread to end, and closing the port while somebody plays would hang.
    """

    def __init__(self, name: str | None, hear: Callable[[Sequence[int]], None], *, with_clock: bool) -> None:
        """Open the port called `name`, or one of our own. `hear` is called with the bytes of every message, in a
        thread of its own; clock messages come only `with_clock`. Raises as `list_inputs`."""
        self._device, self._hear = _open_device("MidiIn", name), hear
        self._device.ignore_types(sysex=True, timing=not with_clock, active_sense=True)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._read_messages, name="listening", daemon=True)
        self._thread.start()

    def _read_messages(self) -> None:
        while not self._is_closing.wait(_POLL_SECONDS):
            while not self._is_closing.is_set() and (event := self._device.get_message()):
                self._hear(event[0])

    def __enter__(self) -> InputPort:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_closing.set()
        self._thread.join()
        self._device.close_port()
        self._device.delete()


def list_outputs() -> list[str]:
    """Names of the ports that can be sent to. Raises `MissingToolError` without the package or a MIDI system."""
    return _list_ports(_make_device("MidiOut"))


def list_inputs() -> list[str]:
    """Names of the ports that can be listened to. Raises `MissingToolError` as `list_outputs`."""
    return _list_ports(_make_device("MidiIn"))


def _open_device(kind: str, name: str | None) -> Any:
    device = _make_device(kind)
    known = device.get_ports()
    if name is None:
        try:
            device.open_virtual_port({"MidiIn": "in", "MidiOut": "out"}[kind])
        except (NotImplementedError, _import_rtmidi().RtMidiError) as error:  # Windows has none
            raise MissingToolError(_NO_OWN_PORTS.format(", ".join(known) or "there is none")) from error
        return device
    try:
        device.open_port(_find_port(name, known, {"MidiIn": "input", "MidiOut": "output"}[kind]), name="port")
    except _import_rtmidi().RtMidiError as error:
        raise MuseganError(f"the MIDI port {name!r} cannot be opened; does another program use it?") from error
    return device


def _find_port(wanted: str, known: list[str], kind: str) -> int:
    """Number of the port called `wanted`, or whose name begins so, case ignored."""
    names = [name.lower() for name in known]
    matches = [i for i, name in enumerate(names) if name == wanted.lower()]
    matches += [i for i, name in enumerate(names) if name.startswith(wanted.lower())]
    if not matches:
        raise MuseganError(
            f"there is no MIDI {kind} port {wanted!r}; there are: {', '.join(dict.fromkeys(known)) or 'none'}"
        )
    return matches[0]


def _list_ports(device: Any) -> list[str]:
    return list(dict.fromkeys(device.get_ports()))


def _make_device(kind: str) -> Any:
    """A closed input or output of the first MIDI system that answers, or of the one that RTMIDI_API names."""
    rtmidi = _import_rtmidi()
    systems = {name.removeprefix("API_"): getattr(rtmidi, name) for name in dir(rtmidi) if name.startswith("API_")}
    chosen = os.environ.get("RTMIDI_API", "").upper()
    if chosen and chosen not in systems:
        raise MissingToolError(f"RTMIDI_API is {chosen}; this python-rtmidi knows {', '.join(systems)}")
    reasons: list[Exception] = []
    for number in [systems[chosen]] if chosen else rtmidi.get_compiled_api():
        try:
            return getattr(rtmidi, kind)(number, name=OWN_NAME)
        except rtmidi.RtMidiError as error:
            reasons.append(error)
    raise MissingToolError(
        "this machine has no MIDI system that answers; on Linux that is ALSA (sudo modprobe snd-seq) or JACK"
    ) from (reasons[0] if reasons else None)


def _import_rtmidi() -> ModuleType:
    try:
        import rtmidi
    except ImportError as error:
        raise MissingToolError("MIDI ports need a package: pip install python-rtmidi") from error
    return rtmidi

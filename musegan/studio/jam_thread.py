"""The band that listens, on the page: the roll runs along, and what is kept and asked for there acts from the next
bar on."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model import Model
from musegan.composing.request import GenerationRequest
from musegan.errors import MuseganError
from musegan.live.band import Band
from musegan.live.jam import Jam
from musegan.midi.channels import assign_channels
from musegan.midi.ports import InputPort, OutputPort, list_inputs, list_outputs
from musegan.midi.write import write_files
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.spec import RollSpec
from musegan.studio.state import State

Roll = NDArray[np.uint8]


def list_ports() -> dict[str, list[str]]:
    """Names of the MIDI ports of this machine. Raises `MissingToolError`."""
    return {"inputs": list_inputs(), "outputs": list_outputs()}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a jam begins with."""

    keep: str  # the track that somebody plays
    input_port: str | None = None  # None: one of our own, that others connect to
    output_port: str | None = None
    follow_clock: bool = False


@dataclass(frozen=True, kw_only=True)
class PlayedBar:
    """The bar that comes next, and what was played to those before."""

    number: int  # from 0
    roll: Roll  # (track, step, pitch)
    rows: Sequence[int]  # tracks of the band
    keep: int  # the track that somebody plays
    heard: Roll  # (track, bar, step, pitch): the bars before


def apply_played_bar(state: State, bar: PlayedBar) -> State:
    """The page after a bar: it is one round of the jam, the band's cells free, those of the player kept."""
    roll, kept, own = state.piece.roll.copy(), state.kept.copy(), state.own.copy()
    place = bar.number % state.n_bars
    for row in bar.rows:
        if not kept[row, place]:
            roll[row, place], own[row, place] = bar.roll[row], False
    n_heard = bar.heard.shape[1]
    for back in range(min(n_heard, 2, state.n_bars), 0, -1):  # of the newest bar, the end was still to come
        place = (bar.number - back) % state.n_bars
        roll[bar.keep, place] = bar.heard[bar.keep, n_heard - back]
        kept[bar.keep, place] = own[bar.keep, place] = True
    piece = replace(state.piece, roll=drop_orphan_holds(roll, state.piece.spec), given=None)
    same = np.all(piece.roll == state.piece.roll, axis=(2, 3))
    return replace(state, piece=piece, kept=kept, own=own, from_file=state.from_file & same, label="play along")


class PageBand(Band):
    """Plays the page round and round: in each bar its cells that are kept, the others composed anew."""

    def __init__(self, model: Model, keep: str, state: Callable[[], State]) -> None:
        self._state = state
        super().__init__(model, keep, request=state().settings.request(model.spec.track_names, state().n_bars))

    def ask(self, bar: int) -> tuple[GenerationRequest, Mapping[int, Roll]]:
        state, names = self._state(), self.spec.track_names
        place, settings = bar % state.n_bars, state.settings
        resting = [name for name in names if name in settings.out or place in settings.rests.get(name, ())]
        request = settings.request(names, state.n_bars)
        density = {**request.density, **dict.fromkeys(resting, 0.0)}
        # The bars of the page are not those of the band.
        self.request = replace(request, density=density, rests={}, plays={}, tempo_qpm=state.piece.tempo_qpm)
        return self.request, {row: state.piece.roll[row, place] for row in self.rows if state.kept[row, place]}


class JamThread:
    """A jam in a thread of its own, from its making until `stop`.

    Parameters
    ----------
    model : Model
    setting : Setting
    state : callable
        Returns the state of the page.
    on_bar : callable
        Gets each `PlayedBar` shortly before it sounds.
    on_end : callable
        Gets what there is to say at the end: number of ``bars``, whether a ``file`` was written, a ``problem``.
    file : Path
        Where the whole jam is written at its end.

    Raises
    ------
    MuseganError
        A port cannot be opened, or there is no such track.
    """

    def __init__(
        self,
        model: Model,
        setting: Setting,
        *,
        state: Callable[[], State],
        on_bar: Callable[[PlayedBar], Any],
        on_end: Callable[[dict[str, Any]], None],
        file: Path,
    ) -> None:
        self.setting, self._state, self._file = setting, state, file
        self._tell_bar, self._tell_end = on_bar, on_end
        self._band = PageBand(model, setting.keep, state)
        with ExitStack() as opened:
            self._send = opened.enter_context(OutputPort(setting.output_port)).send
            tempo = None if setting.follow_clock else state().piece.tempo_qpm
            self._jam = Jam(self._band, self._send_mixed, tempo, state().settings.humanize, self._on_bar)
            opened.enter_context(InputPort(setting.input_port, self._jam.hear, with_clock=setting.follow_clock))
            self._ports = opened.pop_all()
        self._thread = threading.Thread(target=self._run_jam, name="jam", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait until the file is written."""
        self._jam.stop()
        self._thread.join(timeout=30)

    def view(self) -> dict[str, Any]:
        """Where the music is now; ``beat`` is None before the clock runs."""
        beat, tempo = self._jam.place()
        return {
            "is_playing": True,
            "keep": self.setting.keep,
            "beat": beat if math.isfinite(beat) else None,
            "tempo": tempo,
            "late": len(self._jam.late_bars),
        }

    def _on_bar(self, number: int, roll: Roll, heard: Roll) -> None:
        self._jam.change_tempo(self._state().piece.tempo_qpm)
        band = self._band
        self._tell_bar(PlayedBar(number=number, roll=roll, rows=band.rows, keep=band.kept, heard=heard))

    def _run_jam(self) -> None:
        facts: dict[str, Any] = {"bars": 0, "file": False, "problem": None}
        try:
            with self._ports:
                try:
                    self._jam.run()
                finally:
                    self._jam.close()
            recording = self._jam.recording()
            if recording is not None:
                piece, notes = recording
                write_files(piece, self._file, played=notes)
                facts.update(bars=piece.n_bars, file=True)
        except (MuseganError, OSError) as error:
            facts["problem"] = str(error)
        finally:
            self._tell_end(facts)

    def _send_mixed(self, message: Sequence[int]) -> None:
        """Send a message as the mix of the page has it."""
        if message[0] & 0xF0 == 0x90:
            level = _find_channel_levels(self._state(), self._band.spec).get(message[0] & 15, 1.0)
            velocity = min(round(message[2] * level), 127)
            if velocity < 1:
                return
            message = (message[0], message[1], velocity)
        self._send(message)


def _find_channel_levels(state: State, spec: RollSpec) -> dict[int, float]:
    """Loudness of each MIDI channel: the volume of its track, 0 where that is mute or another is alone."""
    some_alone = any(values.get("solo") for values in state.mixer.values())
    levels = {}
    for name, (_, channel) in zip(spec.track_names, assign_channels(spec.is_drum), strict=True):
        values = state.mixer.get(name, {})
        is_silent = values.get("mute") or (some_alone and not values.get("solo"))
        levels[channel] = 0.0 if is_silent else float(values.get("volume", 1.0))
    return levels

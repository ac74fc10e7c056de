"""Where the work is done: a model, a project and the messages that change it. `docs/studio.md` lists them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.midi.song import Song
from musegan.music.piece import Piece
from musegan.options import list_options
from musegan.studio import operations
from musegan.studio.audio_process import AudioProcess
from musegan.studio.explainer import Explainer
from musegan.studio.harmony import change_chord, name_sections, repeat_section
from musegan.studio.ideas import list_ideas, list_songs
from musegan.studio.import_export import open_song
from musegan.studio.jam_controller import JamController
from musegan.studio.jam_thread import apply_played_bar
from musegan.studio.messages import check_message
from musegan.studio.mixdown import export
from musegan.studio.project import Project
from musegan.studio.state import Source, State, StudioSettings
from musegan.studio.stems import Stems
from musegan.studio.strip import Strip
from musegan.studio.upload_store import UploadStore
from musegan.studio.view import describe_studio, make_piece_view, make_state_view
from musegan.studio.worker import Worker, merge_messages

_NEW_NOTES = {option.field for option in list_options(StudioSettings)} - {"tempo_qpm", "humanize"}
"""Values that compose at once when they change; tempo and humanise change how the same notes are played."""

_NOT_IN_A_JAM = {"continue", "vary", "variations", "interpolate", "take", "new", "open", "map", "explain"}
_NOT_IN_A_JAM |= {"redo_cells", "repeat_section", "idea"}

_LONGEST_TITLE = 80  # characters
_MOST_SEEDS = 4  # that are tried for other notes

Listener = Callable[[dict[str, Any]], None]


class Session:
    """A project that is worked on. `send` takes a message, and every listener is told what became of it.

    Parameters
    ----------
    model : Model
    folder : Path
        Holds the project, copies of the files that were read, and the sound.
    font : Path
        Sound font.
    """

    def __init__(self, model: Model, folder: Path, font: Path) -> None:
        self.model, self.folder = model, folder
        self.project = Project.load(folder, model)
        self.is_new = not self.project.path.is_file()  # nobody has worked here yet
        self.uploads = UploadStore(folder / "files")
        self.stems = Stems(folder / "sound", [AudioProcess(font), AudioProcess(font)])
        self.listeners: set[Listener] = set()
        self.revision = 0
        self._composed: State | None = None  # the last that was composed as it asks
        self._sketched: dict[str, Any] | None = None  # the message whose answer was a sketch, so far
        self._songs: dict[Source, Song] = {}
        self._view: dict[str, Any] | None = None
        self._shown: tuple[Piece, float, dict[str, Any]] | None = None  # a piece as it is shown
        self._lock = threading.Lock()
        self._worker = Worker(self._handle_message, merge_messages)
        self.jam = JamController(
            model, folder, state=lambda: self.project.state, submit=self._worker.submit, tell=self._notify
        )
        self.strip = Strip(model, self._notify)
        self.explainer = Explainer(model, self._worker, self._notify)

    def send(self, message: dict[str, Any]) -> Future[Any]:
        """Do what a message says, after those before it. The future has the new view, or the error.

        Raises `ConfigError` for what is no message, or has a wrong value.
        """
        check_message(message)
        if self.jam.is_playing and message["type"] in _NOT_IN_A_JAM:
            raise ConfigError("the band is playing along; stop it first")
        return self._worker.submit(message)

    def leave(self, listener: Listener) -> None:
        """Forget a listener, which may have gone while it turned a knob."""
        self.listeners.discard(listener)
        self._worker.submit({"type": "settle"})

    def hello(self) -> dict[str, Any]:
        return describe_studio(self.model)

    def view(self) -> dict[str, Any]:
        """The state that is shown, as the page is told it."""
        with self._lock:
            if self._view is None:
                view = make_state_view(self.project, self.song(), self._piece_view(self.project.state))
                self._view = {**view, "revision": self.revision}
            return self._view

    def _piece_view(self, state: State) -> dict[str, Any]:
        """Made anew only when other notes sound, not for a changed cell or volume."""
        piece, humanize = state.piece, state.settings.humanize
        if self._shown is None or self._shown[0] is not piece or self._shown[1] != humanize:
            self._shown = piece, humanize, make_piece_view(piece, humanize)
        return self._shown[2]

    def song(self, state: State | None = None) -> Song | None:
        """The file that a state is made from."""
        source = (state or self.project.state).source
        if source is None:
            return None
        if source not in self._songs:
            self._songs = {source: self.uploads.read(source, self.model.spec)}
        return self._songs[source]

    def export(self, kind: str, *, chords: bool = False, audio: bool = False) -> bytes:
        """The state that is shown as a file; as `musegan.studio.mixdown.export`."""
        state = self.project.state
        return export(self.stems, state, self.song(state), kind, chords=chords, audio=audio)

    def close(self) -> None:
        """Finish what is asked for and end."""
        self.jam.stop()
        self._worker.close()
        self.stems.close()

    # -- in the worker's thread -----------------------------------------------------------------------------

    def _handle_message(self, message: dict[str, Any]) -> dict[str, Any]:
        begin, before = time.perf_counter(), self.revision
        getattr(self, f"_do_{message['type']}")(message)
        view = {**self.view(), "answers": message.get("id"), "milliseconds": 1000 * (time.perf_counter() - begin)}
        self._notify(view)
        if self.revision != before:
            self.project.save()  # the page draws meanwhile
        return view

    def _notify(self, event: dict[str, Any]) -> None:
        for listener in tuple(self.listeners):
            listener(event)

    def _invalidate_view(self) -> None:
        with self._lock:
            self.revision += 1
            self._view = None
        self._sketched = None
        self.explainer.forget_others(self.project.state.piece)
        self.strip.forget_others(self.project.state)

    def _push_state(self, state: State, message: dict[str, Any]) -> None:
        self.project.push(state, message.get("gesture"))
        self._invalidate_view()
        self._sketched = message if message.get("sketch") else None

    def _do_compose(self, message: dict[str, Any]) -> None:
        """Compose; where that would give what is there already, the next seed."""
        state, changes = self._apply_changes(message), message.get("changes") or {}
        if "n_bars" in changes:
            _check_cut(state)
        if "seed" in changes or self.jam.is_playing:
            self._push_state(self._compose_state(state), message)
            return
        composed = None if self._is_as_asked(state) else self._compose_state(state)
        if composed is None or operations.has_same_notes(composed, state):
            composed = self._compose_next(state)
        self._composed = composed
        self._push_state(composed, message)

    def _is_as_asked(self, state: State) -> bool:
        """Whether a state is known to be what composing it again would give."""
        last = self._composed
        same = last is not None and (last.piece is state.piece) and bool((last.kept == state.kept).all())
        return same and last is not None and last.settings == state.settings

    def _compose_next(self, state: State) -> State:
        """Composed with the first of the next seeds that gives other notes. Raises `ConfigError` if none does."""
        before, settings = state, state.settings
        for _ in range(_MOST_SEEDS):
            settings = replace(settings, seed=operations.next_seed(settings.seed))
            state = self._compose_state(replace(state, settings=settings))
            if self.jam.is_playing or not operations.has_same_notes(state, before):
                return state
        raise ConfigError("other seeds give the same notes here; raise the temperature or free more bars")

    def _do_wishes(self, message: dict[str, Any]) -> None:
        """Change what is asked for and, where that changes the notes, compose."""
        state = self._apply_changes(message)
        changes = set(message["changes"])
        if "n_bars" in changes and not message.get("may_cut"):
            _check_cut(state)
        # With everything kept or nothing composed yet there is nothing that a knob could change.
        is_idle = bool(state.kept.all()) or not state.piece.roll.any()
        if changes & _NEW_NOTES and not is_idle:
            is_sketch = message.get("sketch", False)
            state = self._compose_state(state, sketch=is_sketch)
            self._composed = None if is_sketch else state
        elif "n_bars" in changes:
            state = operations.resize_piece(state, state.settings.n_bars)
        tempo = state.settings.tempo_qpm or self._own_tempo(state)
        if "tempo_qpm" in changes and tempo != state.piece.tempo_qpm:
            state = replace(state, piece=replace(state.piece, tempo_qpm=tempo))
        self._push_state(replace(state, label=", ".join(sorted(changes)).replace("_", " ")), message)

    def _do_settle(self, message: dict[str, Any]) -> None:
        """Answer the last turn of a knob with the music itself, where there is only a sketch of it."""
        if self._sketched is not None:
            self._do_wishes({**self._sketched, "sketch": False})

    def _compose_state(self, state: State, *, sketch: bool = False) -> State:
        """With what is free composed anew. In a jam that comes bar by bar."""
        if self.jam.is_playing:
            return operations.resize_piece(state, state.settings.n_bars)
        return operations.compose(self.model, state, sketch=sketch)

    def _own_tempo(self, state: State) -> float:
        song = self.song(state)
        return song.piece.tempo_qpm if song else state.piece.tempo_qpm

    def _apply_changes(self, message: dict[str, Any]) -> State:
        state = self.project.state
        return replace(state, settings=state.settings.with_plain(message.get("changes") or {}))

    def _do_another(self, message: dict[str, Any]) -> None:
        composed = replace(self._compose_next(self._apply_changes(message)), label="another")
        self._composed = composed
        self._push_state(composed, message)

    def _do_surprise(self, message: dict[str, Any]) -> None:
        state = self._apply_changes(message)
        settings = replace(state.settings, seed=secrets.randbelow(2**31))
        self._push_state(replace(self._compose_state(replace(state, settings=settings)), label="another"), message)

    def _do_cells(self, message: dict[str, Any]) -> None:
        names = self.model.spec.track_names
        self._push_state(
            operations.mark_cells(self.project.state, message["cells"], message["kind"], names), message
        )

    def _do_redo_cells(self, message: dict[str, Any]) -> None:
        self._push_state(operations.redo_cells(self.model, self.project.state, message["cells"]), message)

    def _do_chord(self, message: dict[str, Any]) -> None:
        """Ask for other chords in a bar; what is free follows at once."""
        state = change_chord(self.project.state, message["bar"], message["symbols"])
        if not state.kept.all():
            state = replace(self._compose_state(state), label=state.label)
        self._push_state(state, message)

    def _do_sections(self, message: dict[str, Any]) -> None:
        self._push_state(name_sections(self.project.state, message["sections"]), message)

    def _do_repeat_section(self, message: dict[str, Any]) -> None:
        varied = message.get("varied", False)
        state = repeat_section(self.model, self.project.state, message["bar"], is_varied=varied)
        self._push_state(state, message)

    def _do_edit(self, message: dict[str, Any]) -> None:
        remove, add = message.get("remove") or [], message.get("add") or []
        self._push_state(operations.edit_notes(self.model, self.project.state, remove, add), message)

    def _do_continue(self, message: dict[str, Any]) -> None:
        state = operations.continue_(self.model, self._apply_changes(message), message["bars"])
        self._push_state(state, message)

    def _do_vary(self, message: dict[str, Any]) -> None:
        state = operations.vary(self.model, self._apply_changes(message), message.get("amount", 0.3))
        self._push_state(state, message)

    def _do_variations(self, message: dict[str, Any]) -> None:
        """Fill the strip; stops when something else is asked for."""
        self.strip.fill(self.project.state, lambda: self._worker.is_awaited)

    def _do_interpolate(self, message: dict[str, Any]) -> None:
        a, b = self._get_variation(message["from"]), self._get_variation(message["to"])
        self.strip.fill_between(a, b)

    def _do_explain(self, message: dict[str, Any]) -> None:
        """What is surprising, told in ``explain`` events; whatever else is asked for comes first."""
        if not self.jam.is_playing:
            self.explainer.judge(self.project.state.piece, goes_on=message.get("goes_on", False))

    def _do_take(self, message: dict[str, Any]) -> None:
        index, tracks = message["index"], message.get("tracks")
        taken = operations.take_variation(self.model, self.project.state, self.strip.get(index), tracks)
        what = f"{', '.join(tracks)} of variation" if tracks else "variation"
        self._push_state(replace(taken, label=f"{what} {index + 1}"), message)

    def _get_variation(self, index: int) -> State:
        """A variation of the strip; -1 is the state that is shown."""
        return self.strip.get(index) if index >= 0 else self.project.state

    def _do_idea(self, message: dict[str, Any]) -> None:
        """Show any state of the history, of this song or of another."""
        self.project.show(message["index"])
        self._invalidate_view()

    def _do_rename(self, message: dict[str, Any]) -> None:
        title = message["title"].strip()[:_LONGEST_TITLE]
        self._push_state(replace(self.project.state, title=title, label="name"), message)

    def ideas(self) -> dict[str, Any]:
        """The songs of the project and the ideas of the one that is shown."""
        return {"songs": list_songs(self.project), "ideas": list_ideas(self.project)}

    def _do_undo(self, message: dict[str, Any]) -> None:
        self.project.undo()
        self._invalidate_view()

    def _do_redo(self, message: dict[str, Any]) -> None:
        self.project.redo()
        self._invalidate_view()

    def _do_mixer(self, message: dict[str, Any]) -> None:
        """Mute, solo and volume of a track or of another part of the file, by name."""
        kinds = ("mute", "solo", "volume", "program")
        values: dict[str, Any] = {key: message[key] for key in kinds if key in message}
        name, state = message["track"][:200], self.project.state
        mixer = {**state.mixer, name: {**state.mixer.get(name, {}), **values}}
        words = ", ".join("instrument" if key == "program" else key for key in sorted(values))
        self._push_state(replace(state, mixer=mixer, label=f"{words} of {name}"), message)

    def _do_jam(self, message: dict[str, Any]) -> None:
        """Let the band play along to what comes in on a MIDI port."""
        self.jam.start(message)

    def _do_jam_stop(self, message: dict[str, Any]) -> None:
        self.jam.stop()

    def _do_jam_where(self, message: dict[str, Any]) -> None:
        self._notify(self.jam.view())

    def _do_jam_bar(self, message: dict[str, Any]) -> None:
        """A bar that the band plays next: only from this program."""
        self._push_state(apply_played_bar(self.project.state, message["bar"]), message)
        if self.jam.is_playing:
            self._notify(self.jam.view())

    def _do_new(self, message: dict[str, Any]) -> None:
        """An empty page with the settings as they are at first."""
        empty = State.empty(self.model, message.get("bars", 8))
        settings = replace(empty.settings, seed=self.project.state.settings.seed)
        self._push_state(replace(empty, settings=settings, song=_new_song()), message)

    def _do_open(self, message: dict[str, Any]) -> None:
        """A file, as bytes in ``data``: only from this program, a message of the page has none."""
        self._open_source(self.uploads.put(message["data"], message.get("name") or "song.mid"), message)

    def _do_map(self, message: dict[str, Any]) -> None:
        """Take a part of the file for another track. The file is read anew."""
        state = self.project.state
        if state.source is None:
            raise ConfigError("there is no file whose parts could be mapped")
        mapping = {**dict(state.source.mapping), str(message["part"]): message["track"]}
        self._open_source(replace(state.source, mapping=tuple(mapping.items())), message)

    def _open_source(self, source: Source, message: dict[str, Any]) -> None:
        song = self.uploads.read(source, self.model.spec)
        self._songs = {source: song}
        before = self.project.state
        is_same = before.source is not None and before.source.copy == source.copy
        opened = open_song(self.model, song, source, before)
        self._push_state(replace(opened, song=before.song if is_same else _new_song()), message)


def _new_song() -> str:
    """What tells a new song from others."""
    return secrets.token_hex(4)


def _check_cut(state: State) -> None:
    """Raise `ConfigError` where fewer bars would drop notes that are the user's."""
    bars = operations.find_lost_bars(state, state.settings.n_bars)
    if bars:
        what = f"bar {bars[0] + 1}" if len(bars) == 1 else f"bars {bars[0] + 1} to {bars[-1] + 1}"
        raise ConfigError(f"{what} have notes of your own; say that they may be cut, or keep the length")

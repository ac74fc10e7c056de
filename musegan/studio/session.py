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
from musegan.studio import editing, operations
from musegan.studio.audio_process import AudioProcess
from musegan.studio.composer import Composer, check_cut
from musegan.studio.explainer import Explainer
from musegan.studio.harmony import change_chord, name_sections, repeat_section
from musegan.studio.ideas import list_ideas, list_songs
from musegan.studio.import_export import open_song
from musegan.studio.jam_controller import JamController
from musegan.studio.jam_thread import apply_played_bar
from musegan.studio.messages import check_message
from musegan.studio.mixdown import export
from musegan.studio.playing import forget_lost_velocities
from musegan.studio.project import Project
from musegan.studio.state import Source, State
from musegan.studio.stems import Stems
from musegan.studio.strip import Strip
from musegan.studio.upload_store import UploadStore
from musegan.studio.view import PieceView, make_state_view
from musegan.studio.worker import Worker, merge_messages

_NOT_IN_A_JAM = {"continue", "vary", "variations", "interpolate", "take", "new", "open", "map", "explain"}
_NOT_IN_A_JAM |= {"redo_cells", "repeat_section", "idea"}

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
        self._sketched: dict[str, Any] | None = None  # the message whose answer was a sketch, so far
        self._view: dict[str, Any] | None = None
        self._piece_view = PieceView()
        self._lock = threading.Lock()
        self._worker = Worker(self._handle_message, merge_messages)
        self.jam = JamController(
            model, folder, state=lambda: self.project.state, submit=self._worker.submit, tell=self._notify
        )
        self._composer = Composer(model, lambda: self.jam.is_playing)
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

    def view(self) -> dict[str, Any]:
        """The state that is shown, as the page is told it."""
        with self._lock:
            if self._view is None:
                song = self.song()
                view = make_state_view(self.project, song, self._piece_view.get(self.project.state, song))
                self._view = {**view, "revision": self.revision}
            return self._view

    def song(self, state: State | None = None) -> Song | None:
        """The file that a state is made from."""
        source = (state or self.project.state).source
        return None if source is None else self.uploads.read(source, self.model.spec)

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
        self.project.push(forget_lost_velocities(state), message.get("gesture"))
        self._invalidate_view()
        self._sketched = message if message.get("sketch") else None

    def _do_compose(self, message: dict[str, Any]) -> None:
        """Compose; where that would give what is there already, the next seed."""
        state, changes = self._apply_changes(message), message.get("changes") or {}
        if "n_bars" in changes:
            check_cut(state)
        compose = self._composer.compose if "seed" in changes else self._composer.compose_other
        self._push_state(compose(state), message)

    def _do_wishes(self, message: dict[str, Any]) -> None:
        """Change what is asked for and, where that changes the notes, compose."""
        state, changes = self._apply_changes(message), set(message["changes"])
        if "n_bars" in changes and not message.get("may_cut"):
            check_cut(state)
        state = self._composer.follow(state, changes, sketch=message.get("sketch", False))
        tempo = state.settings.tempo_qpm or self._own_tempo(state)
        if "tempo_qpm" in changes and tempo != state.piece.tempo_qpm:
            state = replace(state, piece=replace(state.piece, tempo_qpm=tempo))
        self._push_state(replace(state, label=", ".join(sorted(changes)).replace("_", " ")), message)

    def _do_settle(self, message: dict[str, Any]) -> None:
        """Answer the last turn of a knob with the music itself, where there is only a sketch of it."""
        if self._sketched is not None:
            self._do_wishes({**self._sketched, "sketch": False})

    def _own_tempo(self, state: State) -> float:
        song = self.song(state)
        return song.piece.tempo_qpm if song else state.piece.tempo_qpm

    def _apply_changes(self, message: dict[str, Any]) -> State:
        state = self.project.state
        return replace(state, settings=state.settings.with_plain(message.get("changes") or {}))

    def _do_another(self, message: dict[str, Any]) -> None:
        state = self._composer.compose_next(self._apply_changes(message))
        self._push_state(replace(state, label="another"), message)

    def _do_surprise(self, message: dict[str, Any]) -> None:
        state = self._apply_changes(message)
        settings = replace(state.settings, seed=secrets.randbelow(2**31))
        composed = self._composer.compose(replace(state, settings=settings))
        self._push_state(replace(composed, label="another"), message)

    def _do_cells(self, message: dict[str, Any]) -> None:
        names = self.model.spec.track_names
        self._push_state(editing.mark_cells(self.project.state, message["cells"], message["kind"], names), message)

    def _do_redo_cells(self, message: dict[str, Any]) -> None:
        self._push_state(operations.redo_cells(self.model, self.project.state, message["cells"]), message)

    def _do_chord(self, message: dict[str, Any]) -> None:
        """Ask for other chords in a bar; what is free follows at once."""
        state = change_chord(self.project.state, message["bar"], message["symbols"])
        if not state.kept.all():
            state = replace(self._composer.compose(state), label=state.label)
        self._push_state(state, message)

    def _do_sections(self, message: dict[str, Any]) -> None:
        self._push_state(name_sections(self.project.state, message["sections"]), message)

    def _do_repeat_section(self, message: dict[str, Any]) -> None:
        varied = message.get("varied", False)
        state = repeat_section(self.model, self.project.state, message["bar"], is_varied=varied)
        self._push_state(state, message)

    def _do_edit(self, message: dict[str, Any]) -> None:
        remove, add, state = message.get("remove") or [], message.get("add") or [], self.project.state
        self._push_state(editing.edit_notes(self.model, state, remove, add, self.song(state)), message)

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
        shown = self.project.state
        self.strip.fill_between(*(shown if i < 0 else self.strip.get(i) for i in (message["from"], message["to"])))

    def _do_explain(self, message: dict[str, Any]) -> None:
        """What is surprising, told in ``explain`` events; whatever else is asked for comes first."""
        if not self.jam.is_playing:
            self.explainer.judge(self.project.state.piece, goes_on=message.get("goes_on", False))

    def _do_take(self, message: dict[str, Any]) -> None:
        index, tracks = message["index"], message.get("tracks")
        taken = operations.take_variation(self.model, self.project.state, self.strip.get(index), tracks)
        what = f"{', '.join(tracks)} of variation" if tracks else "variation"
        self._push_state(replace(taken, label=f"{what} {index + 1}"), message)

    def _do_idea(self, message: dict[str, Any]) -> None:
        """Show any state of the history, of this song or of another."""
        self.project.show(message["index"])
        self._invalidate_view()

    def _do_rename(self, message: dict[str, Any]) -> None:
        self._push_state(editing.rename_song(self.project.state, message["title"]), message)

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
        self._push_state(editing.change_mixer(self.project.state, message), message)

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
        self._push_state(editing.start_song(self.model, self.project.state, message.get("bars", 8)), message)

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
        before = self.project.state
        is_same = before.source is not None and before.source.copy == source.copy
        opened = open_song(self.model, song, source, before)
        self._push_state(replace(opened, song=before.song if is_same else editing.make_song_id()), message)

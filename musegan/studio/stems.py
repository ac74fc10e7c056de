"""The sound of the tracks in pieces of a few bars, named by what is in them: a new bar makes one new piece, and
long music begins to sound before all of it is rendered."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.midi.channels import assign_channels
from musegan.midi.cut import cut_file
from musegan.midi.read import read_score
from musegan.midi.score import Score
from musegan.midi.song import Song
from musegan.midi.stems import split_stems
from musegan.midi.tracks import make_note_events, make_track, merge_events, tracks_to_bytes
from musegan.render.balance import balance_gain
from musegan.render.synthesizer import measure_seconds
from musegan.studio.audio_process import AudioProcess
from musegan.studio.import_export import export_midi, list_programs, map_lanes
from musegan.studio.playing import play_state
from musegan.studio.state import State

PIECE_BARS = 2  # of a piece of sound
PREVIEW_BARS = 8  # of a variation that is listened to
MOST_BYTES = 400_000_000  # of sound kept on disk; the least used goes first
_N_KNOWN = 8192  # pieces of MIDI kept in memory


@dataclass
class Stems:
    """Sound of the tracks of states, rendered when it is asked for and kept in a folder."""

    folder: Path
    processes: list[AudioProcess]
    _midi: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: int = 0
    _listing_lock: threading.Lock = field(default_factory=threading.Lock)
    _listed: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # the newest, and what it was made of

    def listing(self, state: State, song: Song | None) -> dict[str, Any]:
        """The sound of a state.

        ``stems`` has for each track its name, number in the ensemble (None: another part of the user's file), the
        gain that balances it, and its ``parts``: the key of each piece of sound, the seconds at which it begins,
        at which the next one does, and at which its last note ends. ``bar_seconds`` are those at which bars begin.
        """
        with self._listing_lock:  # who asks for the same meanwhile gets it when it is there
            made_of = (state.piece, song, state.from_file, play_state(state, song), list_programs(state))
            if self._listed is None or not _is_same(self._listed[0], made_of):
                self._listed = made_of, self._list(state, song)
            return self._listed[1]

    def _list(self, state: State, song: Song | None) -> dict[str, Any]:
        midi = export_midi(state, song)
        score = read_score(midi) if state.piece.roll.any() or song else None
        bar = float(state.piece.spec.beats_per_bar * (score.ticks_per_beat if score else 1))
        ticks = [round(bar * number) for number in range(state.n_bars + 1)]
        if song is not None:
            ruler = song.grid.ruler(state.piece.spec)
            ticks = [ruler.bar_line(number) for number in range(state.n_bars + 1)]
        if score is None:  # nothing sounds, but the cursor moves
            return {"stems": [], "bar_seconds": [tick * 60 / state.piece.tempo_qpm for tick in ticks]}
        lanes = map_lanes(state, song)
        stems = [{**stem, "parts": list(self._cut(data, score, ticks))} for stem, data in list_stems(midi, lanes)]
        return {"stems": stems, "bar_seconds": [measure_seconds(score, tick)[0] for tick in ticks]}

    def _cut(self, data: bytes, score: Score, ticks: list[int]) -> Iterator[dict[str, Any]]:
        """The pieces of a stem that sound."""
        places = [*ticks[:-1:PIECE_BARS], ticks[-1]]
        for cut, begin, stop in zip(cut_file(data, places), places[:-1], places[1:], strict=True):
            if cut is not None:
                seconds = [measure_seconds(score, max(tick, 0))[0] for tick in (begin, stop, cut.end)]
                yield {
                    "key": self._remember(cut.data),
                    **dict(zip(("begin", "stop", "end"), seconds, strict=True)),
                }

    def _remember(self, midi: bytes) -> str:
        """The key of a piece of MIDI, which is known from now on."""
        key = hashlib.sha256(midi).hexdigest()[:32]
        with self._lock:
            self._midi[key] = midi
            self._midi.move_to_end(key)
            while len(self._midi) > _N_KNOWN:
                self._midi.popitem(last=False)
        return key

    def preview(self, state: State, song: Song | None) -> str:
        """The key of the beginning of a piece as one sound. Raises `MuseganError` for a silent one."""
        midi = export_midi(state, song)
        bar = read_score(midi).ticks_per_beat * state.piece.spec.beats_per_bar
        cut = next((cut for cut in cut_file(midi, [0, bar * PREVIEW_BARS, 1 << 40]) if cut is not None), None)
        if cut is None:
            raise MuseganError("this variation is silent")
        return self._remember(cut.data)

    def note(self, state: State, track: int, pitch: int) -> dict[str, Any]:
        """Key and balancing gain of one note of a track, by its instrument. Raises `MuseganError`."""
        spec = state.piece.spec
        if not (0 <= track < spec.n_tracks and spec.lowest_pitch <= pitch < spec.lowest_pitch + spec.n_pitches):
            raise MuseganError("there is no such track or pitch")
        own = spec.tracks[track]
        program = list_programs(state).get(track, own.program)
        (place,) = assign_channels([own.is_drum])
        notes = make_note_events(*np.array([[0], [240], [pitch], [90]]), channel=place[1])
        midi = tracks_to_bytes([merge_events(make_track(own.name, program, place), notes, 240)], 480)
        return {"key": self._remember(midi), "gain": round(balance_gain(program, own.is_drum), 3)}

    def path(self, key: str) -> Path:
        """The ``.wav`` file of a key that was listed, rendered if it is not there. Raises `MuseganError`."""
        if not (len(key) == 32 and all(letter in "0123456789abcdef" for letter in key)):
            raise MuseganError("that is no name of a stem")
        path = self.folder / f"{key}.wav"
        if path.is_file():
            path.touch()
            return path
        with self._lock:
            midi = self._midi.get(key)
            process = self.processes[self._turn % len(self.processes)]
            self._turn += 1
        if midi is None:
            raise MuseganError("this sound is not known any more; ask for the stems again")
        sound = process.render(midi)
        with atomic_write(path) as temporary:
            temporary.write_bytes(sound)
        self._make_room()
        return path

    def _make_room(self) -> None:
        files = sorted((item.stat().st_mtime, item.stat().st_size, item) for item in self.folder.glob("*.wav"))
        left = sum(size for _, size, _ in files)
        for _, size, item in files[:-64]:
            if left <= MOST_BYTES:
                break
            item.unlink(missing_ok=True)
            left -= size

    def close(self) -> None:
        for process in self.processes:
            process.close()


def _is_same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two listings are of the same music: the first four are the same objects, the others equal."""
    return all(x is y for x, y in zip(a[:4], b[:4], strict=True)) and a[4:] == b[4:]


def list_stems(midi: bytes, lanes: Mapping[Any, int | None]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Name, track and balancing gain of each stem of a file, and its MIDI."""
    for path, data in split_stems(midi, Path("s.mid")).items():
        try:
            parts = read_score(data).parts
        except MuseganError:
            continue  # a track without notes
        found = [lanes.get((part.name, part.program, part.is_drum), lanes.get(part.name)) for part in parts]
        track = next((lane for lane in found if lane is not None), None)
        gain = balance_gain(parts[0].program, parts[0].is_drum)
        yield {"track": track, "name": path.stem[2:], "gain": round(gain, 3)}, data

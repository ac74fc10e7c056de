"""One sound file a track, named by what is in it: a new bass line makes a new bass and leaves the rest."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.midi.read import read_score
from musegan.midi.song import Song
from musegan.midi.stems import split_stems
from musegan.music.spec import RollSpec
from musegan.render.synthesizer import measure_seconds
from musegan.studio.audio_process import AudioProcess
from musegan.studio.import_export import export_midi
from musegan.studio.state import State

MOST_BYTES = 400_000_000  # of sound kept on disk; the least used goes first
_N_KNOWN = 512  # MIDI stems kept in memory


@dataclass
class Stems:
    """Sound of the tracks of states, rendered when it is asked for and kept in a folder."""

    folder: Path
    processes: list[AudioProcess]
    _midi: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: int = 0

    def listing(self, state: State, song: Song | None) -> dict[str, Any]:
        """The stems of a state: track of the ensemble (None: another part of the user's file), name and key of
        each, and the second at which each bar begins."""
        midi = export_midi(state, song)
        score = read_score(midi) if state.piece.roll.any() or song else None
        bar = float(state.piece.spec.beats_per_bar * (score.ticks_per_beat if score else 1))
        ticks = [round(bar * number) for number in range(state.n_bars + 1)]
        if song is not None:
            ruler = song.grid.ruler(state.piece.spec)
            ticks = [ruler.bar_line(number) for number in range(state.n_bars + 1)]
        if score:
            times = [measure_seconds(score, tick)[0] for tick in ticks]
        else:  # nothing sounds, but the cursor moves
            times = [tick * 60 / state.piece.tempo_qpm for tick in ticks]
        lanes = _map_parts(song, state.piece.spec)
        stems = []
        for path, data in split_stems(midi, Path("s.mid")).items() if score else ():
            name = path.stem[2:]
            try:
                parts = read_score(data).parts
            except MuseganError:
                continue  # a track without notes
            key = hashlib.sha256(data).hexdigest()[:32]
            self._remember(key, data)
            found = [lanes.get((part.name, part.program, part.is_drum), lanes.get(part.name)) for part in parts]
            stems.append(
                {"track": next((lane for lane in found if lane is not None), None), "name": name, "key": key}
            )
        return {"stems": stems, "bar_seconds": times}

    def _remember(self, key: str, midi: bytes) -> None:
        with self._lock:
            self._midi[key] = midi
            self._midi.move_to_end(key)
            while len(self._midi) > _N_KNOWN:
                self._midi.popitem(last=False)

    def whole(self, state: State, song: Song | None) -> str:
        """The key of a whole piece as one sound."""
        midi = export_midi(state, song)
        key = hashlib.sha256(midi).hexdigest()[:32]
        self._remember(key, midi)
        return key

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
        for _, size, item in files[:-16]:
            if left <= MOST_BYTES:
                break
            item.unlink(missing_ok=True)
            left -= size

    def close(self) -> None:
        for process in self.processes:
            process.close()


def _map_parts(song: Song | None, spec: RollSpec) -> dict[Any, int | None]:
    """Track of the ensemble by name, program and kind of a part of the file, and by the names of new tracks."""
    lanes: dict[Any, int | None] = {name: index for index, name in enumerate(spec.track_names)}
    if song is not None:
        for part, track in zip(song.grid.score.parts, song.grid.mapping, strict=True):
            lanes[part.name, part.program, part.is_drum] = track
    return lanes

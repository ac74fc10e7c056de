"""Copies of the files that were opened in the studio."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from musegan.errors import MidiError
from musegan.files import atomic_write
from musegan.midi.read import MUSIC_SUFFIXES
from musegan.midi.song import Song, read
from musegan.music.spec import RollSpec
from musegan.studio.state import Source


@dataclass(frozen=True)
class UploadStore:
    """Copies of the files that were read, named by their content; no name from outside is ever a path."""

    folder: Path
    _newest: dict[Source, Song] = field(default_factory=dict)  # the file that was read last

    def put(self, data: bytes, name: str) -> Source:
        suffix = Path(name).suffix.lower()
        copy = hashlib.sha256(data).hexdigest()[:32] + (suffix if suffix in MUSIC_SUFFIXES else ".mid")
        if not (self.folder / copy).exists():
            with atomic_write(self.folder / copy) as temporary:
                temporary.write_bytes(data)
        return Source(copy=copy, name=Path(name.replace("\\", "/")).name[:120] or "song.mid")

    def read(self, source: Source, spec: RollSpec) -> Song:
        """The file as the user sees it, with its mapping. Raises `MidiError` by the user's own name for it."""
        song = self._newest.get(source)
        if song is None:
            path = self.folder / Path(source.copy).name
            try:
                song = read(path, spec, track_map=dict(source.mapping))
            except MidiError as error:
                raise MidiError(str(error).replace(str(path), source.name), error.reason) from error
            self._newest.clear()
            self._newest[source] = song
        return song

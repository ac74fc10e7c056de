"""MIDI files on disk, and beside them one file a track, with the tempos, meters, keys and markers of the whole."""

from __future__ import annotations

from pathlib import Path

from musegan.errors import MidiError
from musegan.files import atomic_write, refuse_overwrite
from musegan.midi import repair
from musegan.midi.tracks import (
    KEY,
    MARKER,
    META,
    METER,
    TEMPO,
    Event,
    find_names,
    merge_events,
    read_tracks,
    tracks_to_bytes,
)
from musegan.text import clean_file_name

_FOR_ALL = (TEMPO, METER, KEY, MARKER)


def split_stems(data: bytes, path: Path) -> dict[Path, bytes]:
    """The stems of a MIDI file: ``name-track.mid`` for every track that has an instrument.

    Parameters
    ----------
    data : bytes
        A MIDI file of type 0 or 1.
    path : Path
        Where it is, or will be; the stems go beside it.
    """
    tracks = read_tracks(data, str(path))
    end = max(event.tick for track in tracks for event in track)
    guide = merge_events([], [event for track in tracks for event in track if _is_for_all(event)], end)
    files: dict[Path, bytes] = {}
    for number, (track, name) in enumerate(zip(tracks, find_names(tracks), strict=True), start=1):
        if any(event.status < 0xF0 for event in track):
            own = [event for event in track if not _is_for_all(event)]
            target = _find_free_path(path, clean_file_name(name) or f"track {number}", files)
            files[target] = tracks_to_bytes([guide, merge_events(own, [], end)], repair.read_header(data)[2])
    return files


def _is_for_all(event: Event) -> bool:
    return event.status == META and event.body[0] in _FOR_ALL


def _find_free_path(path: Path, name: str, taken: dict[Path, bytes]) -> Path:
    target, number = path.with_name(f"{path.stem}-{name}{path.suffix}"), 1
    while target in taken:
        number += 1
        target = path.with_name(f"{path.stem}-{name} {number}{path.suffix}")
    return target


def write_file(data: bytes, path: Path, *, stems: bool = False, force: bool = True) -> list[Path]:
    """Write a MIDI file and, with `stems`, those beside it, each whole or not at all; returns the paths.

    Raises `MuseganError` before anything is written when one exists and `force` is off, `MidiError` when one
    cannot be written.
    """
    files = {path: data, **(split_stems(data, path) if stems else {})}
    for target in files:
        refuse_overwrite(target, force)
    for target, content in files.items():
        try:
            with atomic_write(target) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise MidiError(f"{target} cannot be written: {error}", "unwritable") from error
    return list(files)

"""Music files to a `Score`: parts of notes in ticks, tempo changes and time signatures.

MIDI is parsed by symusic. What it refuses (data bytes out of range, truncated tracks, illegal events) is
mended by `musegan.midi.repair` first, and what was mended is told in `Score.repairs`. MusicXML, ABC and
Humdrum are read by music21 through `musegan.midi.notation`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import symusic
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.files import MIDI_SUFFIXES
from musegan.midi import repair
from musegan.midi.notation import MAX_NOTATION_BYTES, NOTATION_SUFFIXES, read_notation
from musegan.midi.score import Part, Score, concatenate_scores, find_main_key
from musegan.music.key import Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

MUSIC_SUFFIXES = (*MIDI_SUFFIXES, *NOTATION_SUFFIXES)
"""Of files that `read_score` reads."""
MAX_PARTS = 512  # of one file
MOST_SHARPS = 7  # or flats of a key signature


def read_score(source: str | Path | bytes, name: str | None = None) -> Score:
    """Read a MIDI, MusicXML, ABC or Humdrum file.

    Parameters
    ----------
    source : path or bytes
    name : str, optional
        Shown in messages; its suffix tells notation formats from MIDI. The path by default.

    Raises
    ------
    MidiError
        The file is missing or holds no music that can be read; ``reason`` is the category.
    """
    name = name or ("the MIDI data" if isinstance(source, bytes) else str(source))
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    if Path(name).suffix.lower() in NOTATION_SUFFIXES:
        return read_notation(data, name)
    data, repairs = repair.unwrap_midi(data, name)
    kind, n_tracks, _ = repair.read_header(data)
    score = _read_sequences(data, name) if kind == 2 and n_tracks > 1 else _parse_midi(data, name)
    if score is None:
        raise MidiError(f"{name} has no notes that can be read", "no notes")
    if not len(score.meter_ticks):
        repairs.append("no time signature, 4/4 assumed")
    return replace(score, repairs=(*repairs, *score.repairs))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that is not absurdly large. Raises `MidiError`."""
    most = max_file_bytes(path.name)
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise MidiError(f"{path} cannot be opened: {error.strerror}", "cannot be opened") from error
    if len(data) > most:
        raise MidiError(f"{path} has more than {most} bytes; is it music?", "too large")
    return data


def max_file_bytes(name: str) -> int:
    """How large a file of that name may be."""
    return MAX_NOTATION_BYTES if Path(name).suffix.lower() in NOTATION_SUFFIXES else repair.MAX_BYTES


def find_end_of_file(data: bytes, name: str) -> int:
    """The tick at which a MIDI file ends, silence included; 0 for other formats, which have no such thing."""
    if Path(name).suffix.lower() in NOTATION_SUFFIXES:
        return 0
    data, _ = repair.unwrap_midi(data, name)
    return 0 if repair.read_header(data)[0] == 2 else repair.find_end_tick(data)


def _parse_midi(data: bytes, name: str) -> Score | None:
    """One MIDI file: as it is, or mended where that fails. None when no note is found.

    Many damaged files have garbage behind the tracks that their header counts, so the others come last.
    """
    score = _parse_strictly(data, name)
    if score is not None:
        return score
    for n_tracks in (repair.read_header(data)[1], None):
        mended, repairs = repair.repair_midi(data, n_tracks)
        score = _parse_strictly(mended, name)
        if score is not None:
            return replace(score, repairs=tuple(repairs))
    return None


def _parse_strictly(data: bytes, name: str) -> Score | None:
    """None where the data is malformed or has no notes."""
    try:
        score = _convert_score(symusic.Score.from_midi(data, ttype="tick"), name)
    except RuntimeError:  # what symusic raises on malformed data
        return None
    return score if score.parts else None


def _convert_score(parsed: Any, name: str) -> Score:
    """A `symusic.Score` in ticks as ours."""
    sounding = [track for track in parsed.tracks if len(track.notes)]
    if len(sounding) > MAX_PARTS:
        raise MidiError(f"{name} has {len(sounding)} parts; up to {MAX_PARTS} are read", "too many parts")
    parts = _convert_tracks(sounding)
    if parts and parsed.tpq <= 0:
        raise MidiError(f"{name} has {parsed.tpq} ticks a beat, so its notes have no times", "no ticks per beat")
    tempos, meters = parsed.tempos.numpy(), parsed.time_signatures.numpy()
    tempo_ticks, microseconds = tempos["time"].astype(np.int64), tempos["mspq"].astype(np.float64)
    tempo = _sort_ticks(tempo_ticks, (microseconds >= 6e7 / FASTEST_QPM) & (microseconds <= 6e7 / SLOWEST_QPM))
    meter_ticks = meters["time"].astype(np.int64)
    fractions = np.stack([meters["numerator"], meters["denominator"]], axis=-1).astype(np.int64)
    meter = _sort_ticks(meter_ticks, fractions.min(-1) > 0)
    signatures = [
        (item.time, Key.of_signature(item.key, item.tonality == 1))
        for item in parsed.key_signatures
        if abs(item.key) <= MOST_SHARPS and item.time >= 0
    ]
    return Score(
        ticks_per_beat=parsed.tpq,
        parts=parts,
        tempo_ticks=tempo_ticks[tempo],
        tempo_qpm=6e7 / microseconds[tempo],
        meter_ticks=meter_ticks[meter],
        meters=fractions[meter],
        key=find_main_key(signatures, parsed.end()),
    )


def _sort_ticks(ticks: NDArray[np.int64], is_valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of the valid events by tick."""
    order = np.argsort(ticks, kind="stable")
    return order[(is_valid & (ticks >= 0))[order]]


def _convert_tracks(tracks: list[Any]) -> tuple[Part, ...]:
    """Tracks with notes as parts. Notes at ticks beyond 31 bits, which symusic wraps around, are left out."""
    if not tracks:
        return ()
    notes = [track.notes.numpy() for track in tracks]
    start = np.concatenate([note["time"] for note in notes]).astype(np.int64)
    duration = np.concatenate([note["duration"] for note in notes])
    pitch = np.concatenate([note["pitch"] for note in notes]).view(np.uint8)
    velocity = np.concatenate([note["velocity"] for note in notes]).view(np.uint8)
    last = np.cumsum([len(note["time"]) for note in notes])
    if start.min() < 0 or duration.min() < 0:
        sound = (start >= 0) & (duration >= 0)
        start, duration, pitch, velocity = start[sound], duration[sound], pitch[sound], velocity[sound]
        last = np.cumsum(sound)[last - 1]
    end = start + duration
    ranges = zip(tracks, [0, *last[:-1].tolist()], last.tolist(), strict=True)
    return tuple(
        Part(
            name=track.name.strip(),
            program=track.program,
            is_drum=track.is_drum,
            start=start[a:b],
            end=end[a:b],
            pitch=pitch[a:b],
            velocity=velocity[a:b],
        )
        for track, a, b in ranges
        if a < b
    )


def _read_sequences(data: bytes, name: str) -> Score | None:
    """A type 2 file. Its tracks are pieces of their own, so they follow each other, each from a bar line."""
    division = repair.read_header(data)[2]
    parsed = (_parse_midi(repair.join_tracks([track], division), name) for track in repair.find_tracks(data))
    scores = [score for score in parsed if score is not None]
    return concatenate_scores(scores) if scores else None

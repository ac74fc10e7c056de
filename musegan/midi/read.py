"""Music files to a `Score`: parts of notes in ticks, tempo changes and time signatures.

MIDI is read event by event, leniently; what was mended is told in `Score.repairs`. symusic is faster by far, but
loses notes of some files and refuses others: a corpus is read by it where `musegan.midi.quick` trusts it.
MusicXML, ABC and Humdrum are read by music21 through `musegan.midi.notation`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from pathlib import Path

import numpy as np

from musegan.errors import MidiError
from musegan.files import MIDI_SUFFIXES
from musegan.midi import quick, repair
from musegan.midi.channels import Place
from musegan.midi.notation import MAX_NOTATION_BYTES, NOTATION_SUFFIXES, read_notation
from musegan.midi.pedal import RESET, SOUND_OFF, SUSTAIN, PedalMoves, read_pedal_moves
from musegan.midi.score import Part, Score, concatenate_scores, find_main_key
from musegan.midi.tracks import KEY, META, METER, TEMPO, Events, find_names, find_port, is_valid, parse_tracks
from musegan.midi.voices import Note, Voice, find_voices
from musegan.music.key import Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

MUSIC_SUFFIXES = (*MIDI_SUFFIXES, *NOTATION_SUFFIXES)
"""Of files that `read_score` reads."""
MAX_PARTS = 512  # of one file


def read_score(source: str | Path | bytes, name: str | None = None, *, is_quick: bool = False) -> Score:
    """Read a MIDI, MusicXML, ABC or Humdrum file.

    Parameters
    ----------
    source : path or bytes
    name : str, optional
        Shown in messages; its suffix tells notation formats from MIDI. The path by default.
    is_quick : bool
        For corpora: the fast reader where nothing speaks against it. Rarely, a note without an end is left out.

    Raises
    ------
    MidiError
        The file is missing or holds no music that can be read; ``reason`` is the category.
    """
    name = name or ("the MIDI data" if isinstance(source, bytes) else str(source))
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    if Path(name).suffix.lower() in NOTATION_SUFFIXES:
        return read_notation(data, name, for_corpus=is_quick)
    data, repairs = repair.unwrap_midi(data, name)
    is_several = repair.holds_sequences(repair.read_header(data))
    score = _read_sequences(data) if is_several else _parse_midi(data, is_quick)
    if score is None:
        raise MidiError(f"{name} has no notes that can be read", "no notes")
    if len(score.parts) > MAX_PARTS:
        raise MidiError(f"{name} has {len(score.parts)} parts; up to {MAX_PARTS} are read", "too many parts")
    if score.ticks_per_beat <= 0:
        raise MidiError(f"{name} has 0 ticks a beat, so its notes have no times", "no ticks per beat")
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


def _parse_midi(data: bytes, is_quick: bool = False) -> Score | None:
    """One MIDI file; None when no note is found."""
    parsed = quick.parse_quickly(data)
    if is_quick and parsed is not None and quick.is_reliable(parsed, data):
        return quick.convert_score(parsed)
    repairs: set[str] = set()
    score = _read_events(data, repairs)
    if score is None or (parsed is not None and "chunks mended" not in repairs):
        return score
    return replace(score, repairs=tuple(sorted(repairs)) or ("chunks mended",))


def _read_events(data: bytes, repairs: set[str]) -> Score | None:
    """What the events of all tracks say; None when no note is found."""
    tracks = parse_tracks(data, repairs)
    kind, _, division = repair.read_header(data)
    if repair.has_smpte_time(division):
        repairs.add(f"SMPTE time read at {repair.SMPTE_QPM} qpm")
    voices = find_voices(tracks)
    if not voices:
        return None
    if kind == 0 and len(tracks) == 1:  # in the order of `read_tracks`
        voices = dict(sorted(voices.items(), key=lambda item: item[0].channel))
    names = find_names(tracks)
    ports, moves = [find_port(track) for track in tracks], _find_pedal_moves(tracks)
    rows = chain.from_iterable(tracks)
    metas = sorted((row for row in rows if row[1] == META and is_valid(row)), key=itemgetter(0))
    tempos = [] if repair.has_smpte_time(division) else list(_read_tempos(metas))
    meters = {tick: (body[1], 1 << body[2]) for tick, _, body in metas if body[0] == METER and body[1]}
    keys = [(tick, _read_key(body)) for tick, _, body in metas if body[0] == KEY]
    return Score(
        ticks_per_beat=repair.ticks_per_beat(division),
        parts=tuple(
            _make_part(voice, notes, names[voice.track], moves.get((ports[voice.track], voice.channel)))
            for voice, notes in voices.items()
        ),
        tempo_ticks=np.array([tick for tick, _ in tempos], np.int64),
        tempo_qpm=np.array([qpm for _, qpm in tempos], np.float64),
        meter_ticks=np.array(list(meters), np.int64),
        meters=np.array(list(meters.values()), np.int64).reshape(-1, 2),
        key=find_main_key(keys, max(track[-1][0] for track in tracks)),
    )


def _find_pedal_moves(tracks: Sequence[Events]) -> dict[Place, PedalMoves | None]:
    """How the sustain pedal moves on each channel of each port, whichever track says it."""
    found: defaultdict[Place, list[tuple[int, int, int]]] = defaultdict(list)
    for track in tracks:
        rows = [row for row in track if 0xB0 <= row[1] < 0xC0 and row[2][0] in (SUSTAIN, SOUND_OFF, RESET)]
        port = find_port(track) if rows else 0
        for tick, status, body in rows:
            found[port, status & 0xF].append((tick, body[0], body[1]))
    in_order = {place: sorted(rows, key=itemgetter(0)) for place, rows in found.items()}
    return {place: read_pedal_moves(*np.array(rows, np.int64).T) for place, rows in in_order.items()}


def _read_tempos(metas: Events) -> Iterator[tuple[int, float]]:
    """Tick and tempo in qpm of the events that set a possible one."""
    for tick, _, body in metas:
        if body[0] == TEMPO and any(body[1:]):
            qpm = 6e7 / int.from_bytes(body[1:], "big")
            if SLOWEST_QPM <= qpm <= FASTEST_QPM:
                yield tick, qpm


def _read_key(body: bytes) -> Key:
    return Key.from_signature(int.from_bytes(body[1:2], "big", signed=True), bool(body[2]))


def _make_part(voice: Voice, notes: list[Note], name: str, moves: PedalMoves | None) -> Part:
    return Part(
        name=name.strip(),
        program=voice.program,
        is_drum=voice.is_drum,
        start=np.array([note.start for note in notes], np.int64),
        end=np.array([note.end for note in notes], np.int64),
        pitch=np.array([note.pitch for note in notes], np.uint8),
        velocity=np.array([note.velocity for note in notes], np.uint8),
        moves=None if voice.is_drum else moves,
    )


def _read_sequences(data: bytes) -> Score | None:
    """A type 2 file. Its tracks are pieces of their own, so they follow each other, each from a bar line."""
    division = repair.read_header(data)[2]
    parsed = (_parse_midi(repair.join_tracks([track], division)) for track in repair.find_tracks(data))
    scores = [score for score in parsed if score is not None]
    return concatenate_scores(scores) if scores else None

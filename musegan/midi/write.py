"""Pieces to MIDI files that open right in every DAW.

A file is type 1 with 480 ticks a beat: first a track with tempo, meter, key and markers, then one named
track an instrument, silent ones too. Every track ends on the last bar line, so a loop has the right length.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import mido
import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.feel import TICKS_PER_BEAT, perform
from musegan.midi.song import read
from musegan.midi.stems import write_file
from musegan.midi.tracks import DRUM_CHANNEL, PITCHED_CHANNELS
from musegan.music.harmony import Key
from musegan.music.piece import Piece
from musegan.music.spec import BAND, RollSpec

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI


def write_midi(
    piece: Piece | NDArray[np.uint8],
    path: str | os.PathLike,
    *,
    spec: RollSpec | None = None,
    tempo_qpm: float = 120.0,
    humanize: float = 1.0,
    chords: bool = False,
) -> Path:
    """Write one MIDI file.

    Parameters
    ----------
    piece : Piece, or (track, bar, step, pitch), uint8
    spec, tempo_qpm
        What a bare roll means (by default the `band` ensemble) and how fast it goes; not used for a `Piece`.
    humanize : float
        0 is flat and exactly on the grid, 1 has the spread of the corpus. Same seed, same file.
    chords : bool
        Add a text track with chord symbols.

    Returns
    -------
    The path. Raises `MidiError` when it cannot be written, `ConfigError` when a roll does not fit `spec`.
    """
    if not isinstance(piece, Piece):
        piece = Piece(roll=np.asarray(piece), spec=spec or BAND, tempo_qpm=tempo_qpm)
    return write_files(piece, Path(path), humanize=humanize, chords=chords)[0]


def write_files(
    piece: Piece,
    path: Path,
    *,
    humanize: float = 1.0,
    stems: bool = False,
    chords: bool = False,
    force: bool = True,
) -> list[Path]:
    """Write the full file and, with `stems`, one file a track called ``name-track.mid``; returns the paths.

    Raises `MuseganError` before anything is written when a file exists and `force` is off.
    """
    data = io.BytesIO()
    to_mido(piece, humanize=humanize, chords=chords).save(file=data)
    return write_file(data.getvalue(), path, stems=stems, force=force)


def to_mido(piece: Piece, *, humanize: float = 1.0, chords: bool = False) -> mido.MidiFile:
    """The piece as a `mido.MidiFile`.

    mido and not `PrettyMIDI.write`, which has no markers and no end of track, gives a silent bar at the end
    no length, rounds tempos down and times through seconds.
    """
    if not 0 <= humanize <= 1:
        raise MidiError(f"humanize is {humanize}; 0 to 1 are possible")
    n_ticks = piece.n_bars * piece.spec.beats_per_bar * TICKS_PER_BEAT
    played = perform(piece, humanize)
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    midi.tracks.append(to_track(_conductor_events(piece), n_ticks))
    for index, (channel, port) in enumerate(assign_channels(piece.spec)):
        events = [
            *_head(piece.spec, index, channel, port),
            *note_events(played[played["track"] == index], channel),
        ]
        midi.tracks.append(to_track(events, n_ticks))
    if chords:
        midi.tracks.append(to_track(_chord_events(piece), n_ticks))
    return midi


def assign_channels(spec: RollSpec) -> list[tuple[int, int]]:
    """Channel and port of every track: drums on channel 10, pitched tracks on the other 15 of as many ports
    as they need, so that no two share a channel."""
    n_pitched = 0
    places = []
    for is_drum in spec.is_drum:
        port, index = divmod(n_pitched, len(PITCHED_CHANNELS))
        places.append((DRUM_CHANNEL, 0) if is_drum else (PITCHED_CHANNELS[index], port))
        n_pitched += not is_drum
    return places


Event = tuple[int, int, mido.Message | mido.MetaMessage]
"""Tick, rank among the events of one tick (note-off before note-on), message."""

_HEAD, _OFF, _ON = 0, 1, 2


def to_track(events: Iterable[Event], n_ticks: int) -> mido.MidiTrack:
    """A track of `events` in order of time that ends at `n_ticks`."""
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=n_ticks - now))
    return track


def note_events(played: NDArray, channel: int) -> list[Event]:
    """Note-on and note-off of each note of ``played : (note,), PLAYED``."""
    events: list[Event] = []
    for _, start, end, pitch, velocity, _ in played.tolist():
        events.append((start, _ON, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)))
        events.append((end, _OFF, mido.Message("note_off", channel=channel, note=pitch, velocity=64)))
    return events


def _head(spec: RollSpec, index: int, channel: int, port: int) -> list[Event]:
    track = spec.tracks[index]
    messages = [mido.MetaMessage("track_name", name=track.name)]
    if port:
        messages.append(mido.MetaMessage("midi_port", port=port))
    messages.append(mido.Message("program_change", channel=channel, program=track.program))
    return [(0, _HEAD, message) for message in messages]


def tempo_in_microseconds(tempo_qpm: float) -> int:
    return round(60_000_000 / tempo_qpm)


def key_name(key: Key) -> str:
    """The key as MIDI and mido call it, such as ``Eb`` or ``F#m``."""
    return key.names()[key.tonic] + "m" * key.is_minor


def _conductor_events(piece: Piece) -> list[Event]:
    messages = [
        mido.MetaMessage("set_tempo", tempo=tempo_in_microseconds(piece.tempo_qpm)),
        mido.MetaMessage("time_signature", numerator=piece.spec.beats_per_bar, denominator=4),
    ]
    if piece.key is not None:
        messages.append(mido.MetaMessage("key_signature", key=key_name(piece.key)))
    ticks_per_bar = piece.spec.beats_per_bar * TICKS_PER_BEAT
    return [
        *((0, _HEAD, message) for message in messages),
        *((bar * ticks_per_bar, _ON, mido.MetaMessage("marker", text=label)) for bar, label in piece.sections),
    ]


def _chord_events(piece: Piece) -> list[Event]:
    from musegan.music.chords import estimate_chords

    name: Event = (0, _HEAD, mido.MetaMessage("track_name", name="chords"))
    return [
        name,
        *(
            (beat * TICKS_PER_BEAT, _ON, mido.MetaMessage("text", text=symbol))
            for beat, symbol in estimate_chords(piece.roll, piece.spec, piece.key)
        ),
    ]


def to_pretty_midi(piece: Piece, humanize: float = 1.0) -> PrettyMIDI:
    """The piece as a `pretty_midi.PrettyMIDI`, one instrument a track; markers become text events."""
    import pretty_midi

    qpm = 60_000_000 / tempo_in_microseconds(piece.tempo_qpm)
    midi = pretty_midi.PrettyMIDI(resolution=TICKS_PER_BEAT, initial_tempo=qpm)
    seconds = 60 / qpm / TICKS_PER_BEAT
    midi.time_signature_changes.append(pretty_midi.TimeSignature(piece.spec.beats_per_bar, 4, 0.0))
    if piece.key is not None:
        number = piece.key.tonic + 12 * piece.key.is_minor
        midi.key_signature_changes.append(pretty_midi.KeySignature(number, 0.0))
    for bar, label in piece.sections:
        tick = bar * piece.spec.beats_per_bar * TICKS_PER_BEAT
        midi.text_events.append(pretty_midi.Text(label, tick * seconds))
    played = perform(piece, humanize)
    for index, track in enumerate(piece.spec.tracks):
        instrument = pretty_midi.Instrument(track.program, track.is_drum, track.name)
        for _, start, end, pitch, velocity, _ in played[played["track"] == index].tolist():
            instrument.notes.append(pretty_midi.Note(velocity, pitch, start * seconds, end * seconds))
        midi.instruments.append(instrument)
    return midi


def from_pretty_midi(midi: PrettyMIDI, spec: RollSpec) -> Piece:
    """Put the notes of a `pretty_midi.PrettyMIDI` on the grid of `spec`, instruments by name and program.

    Raises `MidiError` when nothing in it fits.
    """
    file = io.BytesIO()
    midi.write(file)
    return read(file.getvalue(), spec).piece

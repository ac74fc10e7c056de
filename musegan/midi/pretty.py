"""Pieces to `pretty_midi` and back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from musegan.midi.performance import TICKS_PER_BEAT, perform_piece
from musegan.midi.song import read
from musegan.midi.tracks import qpm_to_microseconds
from musegan.music.piece import CONVERTERS, Converter, Piece
from musegan.music.spec import RollSpec

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI


def to_pretty_midi(piece: Piece, humanize: float = 1.0) -> PrettyMIDI:
    """The piece as a `pretty_midi.PrettyMIDI`, one instrument a track; markers become text events."""
    import pretty_midi

    qpm = 60_000_000 / qpm_to_microseconds(piece.tempo_qpm)
    midi = pretty_midi.PrettyMIDI(resolution=TICKS_PER_BEAT, initial_tempo=qpm)
    seconds = 60 / qpm / TICKS_PER_BEAT
    midi.time_signature_changes.append(pretty_midi.TimeSignature(piece.spec.beats_per_bar, 4, 0.0))
    if piece.key is not None:
        number = piece.key.tonic + 12 * piece.key.is_minor
        midi.key_signature_changes.append(pretty_midi.KeySignature(number, 0.0))
    for bar, label in piece.sections:
        tick = bar * piece.spec.beats_per_bar * TICKS_PER_BEAT
        midi.text_events.append(pretty_midi.Text(label, tick * seconds))
    played = perform_piece(piece, humanize)
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


CONVERTERS["pretty_midi"] = Converter(to_pretty_midi, from_pretty_midi)

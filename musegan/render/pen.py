"""How the notes of one part of a score are written: clef, key signature, names and transposition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from musegan.music.drums import KIT, OTHER_DRUM
from musegan.music.key import Key, parse_note
from musegan.music.spec import TrackSpec
from musegan.render.engraving import Chord
from musegan.text import escape_xml

if TYPE_CHECKING:
    from music21.instrument import Instrument
    from music21.note import GeneralNote, Unpitched
    from music21.pitch import Pitch

_GUITARS, _BASSES = range(24, 32), (*range(32, 40), 43)  # General MIDI programs; 43 is the double bass
_LOWEST_TREBLE = 57  # median MIDI pitch from which a part is in treble clef
_IN_SCORES = dict.fromkeys(_BASSES, "P-8")
_FOR_PLAYERS = _IN_SCORES | {
    8: "P8",  # celesta
    9: "P15",  # glockenspiel
    13: "P8",  # xylophone
    56: "M-2",  # trumpet in B flat
    59: "M-2",  # the same, muted
    60: "P-5",  # horn in F
    64: "M-2",  # soprano saxophone
    65: "M-6",  # alto saxophone
    66: "M-9",  # tenor saxophone
    67: "M-13",  # baritone saxophone
    69: "P-5",  # English horn
    71: "M-2",  # clarinet in B flat
    72: "P8",  # piccolo
}
"""From written to sounding pitch by program. Scores are at sounding pitch but for basses."""
_SEMITONES = {"P-8": -12, "P8": 12, "P15": 24, "M-2": -2, "P-5": -7, "M-6": -9, "M-9": -14, "M-13": -21}


@dataclass(frozen=True, kw_only=True)
class Pen:
    """How the chords of one track are written."""

    clef: Any
    signature: Any  # None for drums
    is_drum: bool
    key: Key  # as it is written
    transposition: str | None  # interval from written to sounding pitch

    @classmethod
    def from_track(cls, track: TrackSpec, pitches: NDArray, key: Key, is_for_player: bool) -> Pen:
        """`pitches` are the MIDI numbers of all notes of the track; they choose its clef. What is for a player is
        transposed as the instrument reads it."""
        from music21 import clef
        from music21.key import KeySignature

        transposition = (_FOR_PLAYERS if is_for_player else _IN_SCORES).get(track.program)
        if transposition and not track.is_drum:
            up = -_SEMITONES[transposition]
            key = key if up % 12 == 0 else Key((key.tonic + up) % 12, key.is_minor)
            pitches = pitches.astype(np.int64) + (up if track.program not in _BASSES else 0)
        is_low = track.program in _BASSES or (len(pitches) > 0 and np.median(pitches) < _LOWEST_TREBLE)
        is_octave_lower = track.program in _GUITARS or track.name.lower() == "tenor"
        sign = clef.Treble8vbClef if is_octave_lower else clef.BassClef if is_low else clef.TrebleClef
        signature = KeySignature(key.sharps).asKey("minor" if key.is_minor else "major")
        return cls(
            clef=clef.PercussionClef() if track.is_drum else sign(),
            signature=None if track.is_drum else signature,
            is_drum=track.is_drum,
            key=key,
            transposition=None if track.is_drum else transposition,
        )

    @property
    def written_shift(self) -> int:
        """Semitones from sounding to written pitch."""
        return -_SEMITONES[self.transposition] if self.transposition else 0

    @cached_property
    def pitch_class_names(self) -> list[str]:
        """Of the pitch classes, as music21 writes them."""
        return [name.replace("b", "-") for name in self.key.note_names()]

    def name_chord(self, note: str) -> str:
        """The root or bass of a chord symbol that begins like `note`, transposed, as music21 writes it."""
        pitch_class = parse_note(note)[0]
        if not self.written_shift % 12 or pitch_class is None:
            return note[: 1 + len(note[1:]) - len(note[1:].lstrip("#b"))].replace("b", "-")
        return self.key.note_names(plain=True)[(pitch_class + self.written_shift) % 12].replace("b", "-")

    def make_instrument(self, track: TrackSpec, number: int) -> Instrument:
        import music21 as m21

        instrument: Instrument
        if track.is_drum:
            instrument = m21.instrument.UnpitchedPercussion()
        else:
            instrument = m21.instrument.instrumentFromMidiProgram(track.program)
            instrument.transposition = m21.interval.Interval(self.transposition) if self.transposition else None
            instrument.midiChannel = number % 9  # not the channel of the drums
        instrument.partName = escape_xml(track.name)
        instrument.partId, instrument.instrumentId = f"P{number + 1}", f"I{number + 1}"
        return instrument

    def write_chord(self, chord: Chord) -> GeneralNote:
        """A note or chord without its duration."""
        import music21 as m21

        if self.is_drum:
            notes = [self._make_drum_note(pitch) for pitch in chord.pitches]
            return notes[0] if len(notes) == 1 else m21.percussion.PercussionChord(notes)
        pitches = [self._make_pitch(pitch + self.written_shift) for pitch in chord.pitches]
        return m21.note.Note(pitches[0]) if len(pitches) == 1 else m21.chord.Chord(pitches)

    def _make_pitch(self, number: int) -> Pitch:
        from music21.pitch import Pitch

        name = self.pitch_class_names[number % 12]
        octave = (number - name.count("#") + name.count("-")) // 12 - 1
        return Pitch(name, octave=min(max(octave, 0), 9))  # MusicXML has no others

    def _make_drum_note(self, number: int) -> Unpitched:
        from music21.note import Unpitched

        place, head = KIT.get(number, OTHER_DRUM)
        hit = Unpitched(place)
        hit.notehead = head
        return hit

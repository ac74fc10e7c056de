"""MIDI and notation files to notes on the grid, and back."""

from musegan.midi.notes import GridNotes, read_notes
from musegan.midi.pretty import from_pretty_midi, to_pretty_midi
from musegan.midi.read import read_score
from musegan.midi.score import Part, Score
from musegan.midi.song import Song
from musegan.midi.symusic_score import from_symusic, to_symusic
from musegan.midi.write import write_midi

__all__ = [
    "GridNotes",
    "Part",
    "Score",
    "Song",
    "from_pretty_midi",
    "from_symusic",
    "read_notes",
    "read_score",
    "to_pretty_midi",
    "to_symusic",
    "write_midi",
]

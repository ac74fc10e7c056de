"""The bytes of a music file together with what was understood of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from musegan.midi import repair
from musegan.midi.score import Score
from musegan.midi.tracks import Track, is_midi, read_tracks, score_to_tracks
from musegan.midi.voices import Voice, find_voices


@dataclass(frozen=True, kw_only=True, eq=False)
class MusicFile:
    """The bytes of a music file, what was understood of them, and its tracks, read when first asked for."""

    data: bytes
    score: Score
    name: str  # for messages

    @cached_property
    def tracks_and_parts(self) -> tuple[list[Track], dict[Voice, int]]:
        """The tracks, not to be changed, and the part of the score that each voice is.

        Tracks of files that are not MIDI of type 0 or 1, or of which the score says more, are made from it.
        """
        if is_midi(self.data) and not repair.holds_sequences(self._header):
            tracks = read_tracks(self.data, self.name)
            voices = find_voices(tracks)
            if [len(notes) for notes in voices.values()] == [len(part.start) for part in self.score.parts]:
                return tracks, {voice: part for part, voice in enumerate(voices)}
        tracks = score_to_tracks(self.score)
        return tracks, {voice: voice.track - 1 for voice in find_voices(tracks)}

    @property
    def is_split(self) -> bool:
        """Whether the tracks are one a channel, as the file has them all in one."""
        return is_midi(self.data) and self._header[:2] == (0, 1)

    @property
    def _header(self) -> tuple[int, int, int]:
        return repair.read_header(repair.unwrap_midi(self.data, self.name)[0])

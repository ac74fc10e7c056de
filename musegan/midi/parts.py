"""The parts of a music file as a person sees them: number, name, sound, channel, notes and range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from musegan.midi.musicfile import MusicFile
from musegan.music.spec import RollSpec


@dataclass(frozen=True, kw_only=True)
class PartInfo:
    """One part of a file."""

    number: int  # from 1, as options name it
    name: str
    program: int  # General MIDI program, 0-127
    channel: int  # 1-16, as DAWs show it; 10 is the drum channel
    is_drum: bool
    n_notes: int
    lowest: int  # MIDI number
    highest: int
    track: str | None  # the track of the ensemble that it is taken for; None: of no track


def describe_parts(file: MusicFile, mapping: Sequence[int | None], spec: RollSpec) -> list[PartInfo]:
    """The parts of `file`, each taken for the track that `mapping` says."""
    _, voices = file.tracks_and_parts
    channels = {part: voice.channel for voice, part in voices.items()}
    return [
        PartInfo(
            number=index + 1,
            name=part.name,
            program=part.program,
            channel=channels[index] + 1,
            is_drum=part.is_drum,
            n_notes=len(part.start),
            lowest=int(part.pitch.min()),
            highest=int(part.pitch.max()),
            track=None if track is None else spec.track_names[track],
        )
        for index, (part, track) in enumerate(zip(file.score.parts, mapping, strict=True))
    ]

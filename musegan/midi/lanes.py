"""Which part of a song plays which track of an ensemble, one player a track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from musegan.midi.melody import measure_polyphony, score_melodies
from musegan.midi.part_names import is_named_melody
from musegan.midi.quantize import map_parts
from musegan.midi.score import Part, Score
from musegan.music.spec import RollSpec

_MOST_AT_ONCE = 1.2  # notes an onset of a part that is taken for a melody without a name that says so
_FEWEST_NOTES = 16  # of such a part
_LEAST_MELODIC = -1.0  # score of such a part, see `score_melodies`
_BASS_PROGRAMS = range(32, 40)


def choose_players(score: Score, spec: RollSpec) -> tuple[int | None, ...]:
    """For each part of a score the index of the track that it plays in a corpus, None for none.

    As `map_parts`; but where the ensemble has a track for the melody, the most melodic part goes there and no
    other, and where it has one part a track, only the part of each track that sounds longest stays.
    """
    mapping = list(map_parts(score.parts, spec))
    melody_track = next((index for index, track in enumerate(spec.tracks) if track.is_melody), None)
    if melody_track is not None and (melody := _find_melody_part(score)) is not None:
        by_program = map_parts(score.parts, _remove_melody_names(spec))
        mapping = [None if track == melody_track else track for track in by_program]
        mapping[melody] = melody_track
    if spec.one_part_a_track:
        sounding = [
            int((part.end - part.start).sum()) if not part.is_drum else len(part.start) for part in score.parts
        ]
        for track in range(spec.n_tracks):
            players = [index for index, goal in enumerate(mapping) if goal == track]
            for index in players:
                if index != max(players, key=lambda player: sounding[player]):
                    mapping[index] = None
    return tuple(mapping)


def _remove_melody_names(spec: RollSpec) -> RollSpec:
    """The ensemble without the names of parts that its melody track takes."""
    tracks = (replace(track, part_names=()) if track.is_melody else track for track in spec.tracks)
    return replace(spec, tracks=tuple(tracks))


def _find_melody_part(score: Score) -> int | None:
    """Index of the part that is most like a melody, None where none is a single line."""
    may_be = [index for index, part in enumerate(score.parts) if _may_be_melody(part, score.ticks_per_beat)]
    scores = score_melodies([score.parts[index] for index in may_be], score.ticks_per_beat, end=score.end_tick)
    return may_be[int(scores.argmax())] if scores.max(initial=-np.inf) > _LEAST_MELODIC else None


def _may_be_melody(part: Part, ticks_per_beat: int) -> bool:
    if part.is_drum or part.program in _BASS_PROGRAMS or len(part.start) < _FEWEST_NOTES:
        return False
    return is_named_melody(part.name) or measure_polyphony(part, ticks_per_beat) <= _MOST_AT_ONCE

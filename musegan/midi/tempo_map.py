"""A tempo map for what was played freely: a file laid over beats that somebody tapped, marked or had found.

The notes stay where they are in seconds; the bar lines come to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.files import MIDI_SUFFIXES
from musegan.midi import repair
from musegan.midi.read import read_bytes, read_score
from musegan.midi.tracks import (
    METER,
    TEMPO,
    Event,
    Track,
    is_meta,
    is_midi,
    is_tempo,
    merge_events,
    meter_event,
    read_tracks,
    tempo_event,
    tracks_to_bytes,
)
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

TICKS_PER_BEAT = 960
"""Of the file that is made: notes move by less than half a millisecond, but where the beats are slow."""

_MOST_BYTES = 4 << 20  # of a list of beats
_MOST_BEATS = 1 << 18  # of a MIDI file
_AT_ONCE = 0.01  # seconds; a first beat that comes so early begins the file
_TIME = re.compile(r"\s*(\d{1,6}(?:\.\d{0,12})?)(?=[\s,;]|$)")


def read_beats(path: Path) -> NDArray[np.float64]:
    """The times of the beats of a tempo map in seconds, in order: (beat,). The first begins a bar.

    A text has a time at the beginning of each line, as beat trackers and audio editors write it; empty lines and
    those with ``#`` are let pass. A MIDI file has its quarter notes, by its tempos, up to its end. Raises
    `MidiError`, which names the line.
    """
    if path.suffix.lower() in MIDI_SUFFIXES:
        beats = _read_own_beats(read_bytes(path), str(path))
    else:
        beats = _read_times(path)
    if len(beats) < 2:
        raise MidiError(f"{path} has {len(beats)} beats; a tempo map has two or more")
    tempos = 60 / np.maximum(np.diff(beats), 1e-9)
    wrong = np.flatnonzero((tempos < SLOWEST_QPM) | (tempos > FASTEST_QPM))
    if len(wrong):
        first, second = beats[wrong[0] : wrong[0] + 2]
        raise MidiError(
            f"{path}: the beat at {first:g} s is followed by one at {second:g} s; beats are in order, and "
            f"{SLOWEST_QPM:g} to {FASTEST_QPM:g} a minute"
        )
    return beats


def _read_times(path: Path) -> NDArray[np.float64]:
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise MidiError(f"{path} is no list of beats: it has more than {_MOST_BYTES} bytes")
    times = []
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _TIME.match(line)
        if found is None:
            raise MidiError(f"{path}, line {number}: {line[:40]!r} does not begin with a time in seconds")
        times.append(float(found[1]))
    return np.array(times)


def _read_own_beats(data: bytes, name: str) -> NDArray[np.float64]:
    tracks = read_tracks(data, name)
    division = repair.read_header(repair.unwrap_midi(data, name)[0])[2]
    if repair.has_smpte_time(division):
        raise MidiError(f"{name} counts frames, not beats; export the tempo map with beats")
    end = max((event.tick for track in tracks for event in track), default=0)
    if end // max(division, 1) > _MOST_BEATS:
        raise MidiError(f"{name} has more than {_MOST_BEATS} beats; is it a tempo map?")
    return _Clock.of(tracks, division).seconds(np.arange(0, end + 1, division))


@dataclass(frozen=True)
class _Clock:
    """The seconds of ticks, by the tempos of a file."""

    ticks: NDArray[np.int64]  # (tempo,), from 0
    begins: NDArray[np.float64]  # (tempo,), seconds
    lengths: NDArray[np.float64]  # (tempo,), seconds of a tick

    @classmethod
    def of(cls, tracks: list[Track], ticks_per_beat: int) -> _Clock:
        changes = sorted((event for track in tracks for event in track if is_tempo(event)), key=lambda e: e.tick)
        lengths = {0: 0.5, **{event.tick: int.from_bytes(event.body[1:], "big") / 1e6 for event in changes}}
        ticks = np.array(list(lengths))
        per_tick = np.array(list(lengths.values())) / ticks_per_beat
        return cls(ticks, np.concatenate([[0.0], np.cumsum(np.diff(ticks) * per_tick[:-1])]), per_tick)

    def seconds(self, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        tempo = np.searchsorted(self.ticks, ticks, side="right") - 1
        return self.begins[tempo] + (ticks - self.ticks[tempo]) * self.lengths[tempo]


def lay_on_beats(data: bytes, beats: NDArray[np.float64], name: str) -> bytes:
    """A MIDI file of the same events at the same seconds, whose quarter notes are ``beats : (beat,)``, in seconds.

    What comes before the first beat is a pick-up, and after the last they go on as fast as it was. The meter is
    the first of the file all through. Raises `MidiError` for notation, which has bars, and files of type 2.
    """
    if not is_midi(data) or repair.read_header(repair.unwrap_midi(data, name)[0])[0] == 2:
        raise MidiError(f"{name} cannot have a tempo map: that is for MIDI files of one song")
    score, tracks = read_score(data, name), read_tracks(data, name)
    clock = _Clock.of(tracks, score.ticks_per_beat)
    n_early = max(round(beats[0] / (beats[1] - beats[0])), 1) if beats[0] > _AT_ONCE else 0
    ticks = np.array([event.tick for track in tracks for event in track])
    seconds = clock.seconds(ticks)
    lines = _extend(beats, float(seconds.max(initial=0.0)), n_early)
    places = np.rint(np.interp(seconds, *lines) * TICKS_PER_BEAT).astype(int).tolist()
    meter = (int(score.meters[0, 0]), int(score.meters[0, 1])) if len(score.meters) else (4, 4)
    head = [meter_event(tick, *meter) for tick in sorted({0, n_early * TICKS_PER_BEAT})] + _write_tempos(*lines)
    moved = iter(places)
    laid = [[event._replace(tick=next(moved)) for event in track] for track in tracks]
    kept = [[event for event in track if not (is_meta(event, TEMPO) or is_meta(event, METER))] for track in laid]
    kept[0] = merge_events(kept[0], [], 0, early=head)
    return tracks_to_bytes(kept, TICKS_PER_BEAT)


def _extend(
    beats: NDArray[np.float64], end: float, n_early: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and number of the beats that bend the time, from 0 to the end of a file at the latest."""
    number = np.arange(len(beats), dtype=np.float64) + n_early
    last = beats[-1] - beats[-2]
    n_more = max(np.ceil((end - beats[-1]) / last), 1)
    seconds, number = np.append(beats, beats[-1] + n_more * last), np.append(number, number[-1] + n_more)
    return (np.append(0.0, seconds), np.append(0.0, number)) if n_early else (seconds, number)


def _write_tempos(seconds: NDArray[np.float64], number: NDArray[np.float64]) -> list[Event]:
    """The tempo from each beat on where it changes, rounded so that the errors do not add up."""
    microseconds = np.rint(np.diff(np.rint(1e6 * seconds)) / np.diff(number))
    is_new = np.diff(microseconds, prepend=0) != 0
    ticks = (number[:-1][is_new] * TICKS_PER_BEAT).astype(int).tolist()
    return [
        tempo_event(tick, 6e7 / length) for tick, length in zip(ticks, microseconds[is_new].tolist(), strict=True)
    ]

"""Changes to whole tracks: where they end, how fast they go, what is left of one without notes."""

from __future__ import annotations

from collections import defaultdict

from musegan.midi.tracks import (
    END_OF_TRACK,
    META,
    METER,
    NAME,
    NOTE_OFF,
    NOTE_ON,
    PORT,
    Event,
    Track,
    is_meta,
    is_note_on,
    is_tempo,
    merge_events,
    meter_event,
    note_off,
    tempo_event,
)

_OF_AN_INSTRUMENT = (0x00, NAME, 0x04, 0x08, 0x09, 0x20, PORT, END_OF_TRACK)  # number, names, device, channel


def cut_track(track: Track, tick: int, tolerance: int) -> Track:
    """A track up to a tick, where all that sounds ends; notes that begin less than `tolerance` before it are of
    what follows."""
    kept: Track = []
    sounding: defaultdict[tuple[int, int], int] = defaultdict(int)
    for event in track:
        if event.tick >= tick or (is_note_on(event) and event.tick >= tick - tolerance):
            continue
        kept.append(event)
        if (kind := event.status >> 4) in (NOTE_OFF, NOTE_ON):
            line = event.channel, event.body[0]
            sounding[line] = (
                sounding[line] + 1 if kind == NOTE_ON and event.body[1] else max(sounding[line] - 1, 0)
            )
    ends = [note_off(tick, *line) for line, count in sounding.items() for _ in range(count)]
    return merge_events(kept, ends, tick)


def drop_instruments(tracks: list[Track], emptied: set[int]) -> list[Track]:
    """The tracks without the instruments of those that are `emptied`; of these stays what is said nowhere else
    and is not about the instrument, such as a tempo or a lyric."""
    if not emptied:
        return tracks
    said = {event for index, track in enumerate(tracks) if index not in emptied for event in track}
    out = []
    for index, track in enumerate(tracks):
        if index not in emptied:
            out.append(track)
        elif rest := [
            event for event in track if event.status >= 0xF0 and event not in said and not _is_of_instrument(event)
        ]:
            out.append(merge_events(rest, [], track[-1].tick))
    return out


def _is_of_instrument(event: Event) -> bool:
    """Whether an event is about the instrument of its track."""
    return event.status == META and event.body[0] in _OF_AN_INSTRUMENT


def set_tempo(tracks: list[Track], tick: int, qpm: float) -> list[Track]:
    """From `tick` on one tempo instead of those of the file."""
    sets_tempos = [index for index, track in enumerate(tracks) if any(map(is_tempo, track))]
    changed = [[event for event in track if event.tick < tick or not is_tempo(event)] for track in tracks]
    index = sets_tempos[0] if sets_tempos else 0
    changed[index] = merge_events(changed[index], [tempo_event(tick, qpm)], tick)
    return changed


def set_meter(tracks: list[Track], tick: int, meter: tuple[int, int]) -> list[Track]:
    """From `tick` on, where the tracks have no other, a meter of this numerator and denominator."""
    changed = list(tracks)
    index = next((i for i, track in enumerate(tracks) if any(is_meta(event, METER) for event in track)), 0)
    changed[index] = merge_events(tracks[index], [meter_event(tick, *meter)], tick)
    return changed


def scale_tempos(tracks: list[Track], factor: float) -> list[Track]:
    """All tempos `factor` times as fast; tracks without any are as fast as 120 quarter notes a minute."""
    scaled = [[_scale_tempo(event, factor) if is_tempo(event) else event for event in track] for track in tracks]
    if not any(is_tempo(event) for track in tracks for event in track):
        scaled[0] = [_scale_tempo(tempo_event(0, 120.0), factor), *scaled[0]]
    return scaled


def _scale_tempo(event: Event, factor: float) -> Event:
    return tempo_event(event.tick, 6e7 / int.from_bytes(event.body[1:], "big") * factor)

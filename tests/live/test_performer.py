"""Composed bars as messages: notes last over bar lines and begin early without trouble."""

import numpy as np
from songs import TRIO

from musegan.live.performer import Performer
from musegan.music.pianoroll import NOTE, notes_to_roll

DRUMS, KEYS, BASS = range(3)
BEATS = 4


def bars(*rows, n_bars=3):
    """(track, start, duration, MIDI pitch) as bars of (track, step, pitch)."""
    notes = np.array([(*row, 90) for row in rows], NOTE)
    return notes_to_roll(notes, TRIO, n_bars).transpose(1, 0, 2, 3)


def send(rolls, feel=None, humanize=0.0):
    performer = Performer(TRIO, feel, 5, humanize)
    messages = [item for bar, roll in enumerate(rolls) for item in performer.perform_bar(bar, roll)]
    return performer, messages


def test_notes_end_where_they_end_in_whatever_bar():
    rolls = bars((KEYS, 2, 3, 60), (KEYS, 14, 4, 62), (BASS, 8, 30, 40), (DRUMS, 15, 1, 36))
    performer, messages = send(rolls)
    sent = sorted((beat, message[0], message[1]) for beat, message in messages)
    assert sent == sorted(
        [
            (0.5, 0x90, 60), (1.25, 0x80, 60),
            (3.5, 0x90, 62), (4.5, 0x80, 62),
            (2.0, 0x91, 40), (9.5, 0x81, 40),
            (3.75, 0x99, 36), (4.0, 0x89, 36),
        ]
    )  # fmt: skip
    played = performer.list_played_notes(9999)
    assert played[["track", "step", "start", "end"]].tolist()[0] == (DRUMS, 15, 1800, 1920)
    assert (BASS, 8, 960, 4560) in played[["track", "step", "start", "end"]].tolist()


def test_a_note_struck_again_at_the_bar_line_ends_first():
    rolls = bars((KEYS, 12, 4, 60), (KEYS, 16, 4, 60), n_bars=2)
    _, messages = send(rolls)
    assert [(beat, message[0]) for beat, message in messages] == [
        (3.0, 0x90),
        (4.0, 0x80),
        (4.0, 0x90),
        (5.0, 0x80),
    ]


def test_a_note_that_comes_early_ends_the_one_before_it_on_its_pitch():
    feel = np.zeros((3, 16, 4), np.float32)
    feel[..., 0], feel[..., 2] = 80, -0.25  # a quarter of a step: 30 ticks early
    _, messages = send(bars((KEYS, 12, 4, 60), (KEYS, 16, 3, 60), n_bars=2), feel, 1.0)
    assert [(beat * 480, message[0]) for beat, message in messages] == [
        (1410, 0x90), (1890, 0x80), (1890, 0x90), (2250, 0x80)
    ]  # fmt: skip


def test_the_record_is_cut_where_the_music_stops():
    rolls = bars((KEYS, 0, 2, 60), (BASS, 8, 30, 40), n_bars=2)
    performer, _ = send(rolls)
    assert performer.list_played_notes(1000)[["start", "end"]].tolist() == [(0, 240), (960, 1000)]
    assert performer.list_played_notes(900)[["start", "end"]].tolist() == [(0, 240)]
    assert performer.list_played_notes(5000)[["start", "end"]].tolist() == [(0, 240), (960, 5000)]


def test_every_note_ends_once_and_after_it_began():
    rng = np.random.default_rng(0)
    rows = [
        (int(rng.integers(3)), int(rng.integers(16 * 12)), int(rng.integers(1, 40)), int(rng.integers(40, 50)))
        for _ in range(400)
    ]
    feel = rng.uniform(0, 1, (3, 16, 4)).astype(np.float32) * np.float32([80, 10, 0.3, 0.3])
    performer, messages = send(bars(*rows, n_bars=12), feel, 1.0)
    sounding = {}
    rank = {0x80: 0, 0x90: 1}
    for beat, (status, pitch, _) in sorted(messages, key=lambda item: (item[0], rank[item[1][0] & 0xF0])):
        place = status & 15, pitch
        if status & 0xF0 == 0x90:
            assert place not in sounding
            sounding[place] = beat
        else:
            assert sounding.pop(place) < beat
    still = {(note.track, note.pitch) for note in performer._open.values()}
    assert len(sounding) == len(still)

"""What is played becomes notes."""

import numpy as np
from songs import TRIO

from musegan.live.clock import SteadyClock
from musegan.live.listener import Listener, played_to_roll

KEYS = 1


def listener():
    clock = SteadyClock(60)  # a beat a second, beat 0 at 100
    clock.start(100)
    return Listener(TRIO, KEYS, clock)


def test_notes_are_kept_as_played_and_go_to_the_nearest_step():
    ear = listener()
    ear.hear((0x93, 60, 70), 100.98)  # a little early for beat 1
    ear.hear((0xB3, 64, 127), 101)  # no note
    ear.hear((0x93, 64, 50), 101.30)
    ear.hear((0x83, 60, 0), 102.02)
    ear.hear((0x93, 64, 0), 101.80)  # velocity 0 ends a note
    played = ear.played(now=8)
    assert played[["track", "start", "end", "pitch", "velocity", "step"]].tolist() == [
        (KEYS, 470, 970, 60, 70, 4),
        (KEYS, 624, 864, 64, 50, 5),
    ]
    roll = played_to_roll(played, TRIO, 0, 2)
    assert np.argwhere(roll).tolist() == [
        [KEYS, 0, 4, 30], [KEYS, 0, 5, 30], [KEYS, 0, 5, 34], [KEYS, 0, 6, 30], [KEYS, 0, 6, 34], [KEYS, 0, 7, 30],
    ]  # fmt: skip
    assert np.argwhere(roll == 2).tolist() == [[KEYS, 0, 4, 30], [KEYS, 0, 5, 34]]


def test_a_key_still_held_sounds_until_now_and_is_tied_into_later_bars():
    ear = listener()
    ear.hear((0x90, 50, 80), 102)
    assert ear.played(now=3.5)[["start", "end"]].tolist() == [(960, 1680)]
    assert (played_to_roll(ear.played(now=8), TRIO, 1, 1)[KEYS, 0, :, 20] == 1).all()
    ear.hear((0x80, 50, 80), 105)
    assert (played_to_roll(ear.played(now=8), TRIO, 1, 1)[KEYS, 0, :, 20] == 1).sum() == 4


def test_only_what_sounds_after_a_beat_is_asked_for():
    ear = listener()
    for status, pitch, beat in (
        (0x90, 50, 0), (0x90, 51, 1), (0x80, 51, 2), (0x90, 52, 3), (0x80, 52, 4), (0x90, 53, 8), (0x80, 50, 9),
        (0x80, 53, 9.5),
    ):  # fmt: skip
        ear.hear((status, pitch, 80), 100 + beat)
    assert ear.played(now=20, since=5)["pitch"].tolist() == [50, 53]


def test_the_count_in_is_not_music_but_an_early_first_note_is():
    ear = listener()
    ear.hear((0x90, 50, 80), 98)
    ear.hear((0x80, 50, 80), 98.5)
    ear.hear((0x90, 52, 80), 99.95)
    ear.hear((0x80, 52, 80), 101)
    assert ear.played(now=4)[["pitch", "start", "step"]].tolist() == [(52, 0, 0)]
    assert not len(listener().played(now=4))

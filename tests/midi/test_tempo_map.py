"""Files that were played freely, laid over the beats that somebody gave."""

from dataclasses import replace

import mido
import numpy as np
import pytest
from midibytes import band, meter, name, notes, program, smf, tempo, track
from songs import TRIO

from musegan.errors import MidiError
from musegan.midi.song import read
from musegan.midi.tempo_map import read_beats

BEATS = [0.5, 1.0, 1.6, 2.1, 2.9, 3.3, 3.9, 4.4, 5.0]  # 8 quarter notes, none as long as the next
TICK = 0.5 / 96  # seconds


def free_file(seconds, **options):
    """Keys at these seconds, in ticks of 120 quarter notes a minute; each sounds for 40 ticks."""
    rows = [(round(second / TICK), round(second / TICK) + 40, 60 + index) for index, second in enumerate(seconds)]
    return smf(track([(0, meter(4, 4))]), track([(0, name("keys")), (0, program(0)), *notes(*rows)]), **options)


def write_map(path, text):
    path.write_text(text)
    return path


def sounding(data, path):
    """Seconds and pitch of each note-on and note-off of a file."""
    path.write_bytes(data)
    now, found = 0.0, []
    for message in mido.MidiFile(path):
        now += message.time
        if message.type in ("note_on", "note_off"):
            found.append((now, message.note))
    return found


@pytest.fixture
def beats(tmp_path):
    return write_map(tmp_path / "beats.txt", "# tapped\n" + "\n".join(f"{beat}\t1" for beat in BEATS) + "\n\n")


def test_notes_on_the_beats_of_the_map_are_on_the_grid_and_stay_where_they_were(tmp_path, beats):
    data = free_file([0.25, *BEATS[:8], 5.6])  # before the first beat, and a beat after the last of the map
    song = read(data, TRIO, tempo_map=beats)
    assert song.grid.closeness > 0.9
    assert song.bar_numbers == [2, 3, 4]
    assert song.passed_over == [1]  # the pick-up: one beat
    onsets = np.argwhere(song.piece.roll[1] == 2)
    assert [(bar, step, pitch + TRIO.lowest_pitch) for bar, step, pitch in onsets.tolist()] == [
        (0, 0, 61), (0, 4, 62), (0, 8, 63), (0, 12, 64), (1, 0, 65), (1, 4, 66), (1, 8, 67), (1, 12, 68),
        (2, 4, 69),
    ]  # fmt: skip
    before, after = sounding(data, tmp_path / "a.mid"), sounding(song.file.data, tmp_path / "b.mid")
    assert [pitch for _, pitch in before] == [pitch for _, pitch in after]
    assert max(abs(old - new) for (old, _), (new, _) in zip(before, after, strict=True)) < 0.0005


def test_written_songs_have_the_beats_of_the_map(tmp_path, beats):
    song = read(free_file(BEATS[:8]), TRIO, tempo_map=beats)
    kept = replace(song.piece, given=np.ones(song.piece.roll.shape[:2], bool))
    (path,) = song.write(kept, tmp_path / "out.mid")
    written = [message for message in mido.MidiFile(path) if message.type == "set_tempo"]
    tempos = [round(mido.tempo2bpm(message.tempo), 3) for message in written]
    assert tempos == [120, 100, 120, 75, 150, 100, 120, 100]  # the pick-up is as fast as the first beat


def test_a_file_with_tempos_of_its_own_is_heard_by_them(tmp_path):
    """At 60 and then 240 quarter notes a minute the notes are at 0, 1, 2, 2.25 and 2.5 seconds."""
    rows = [(beat * 96, beat * 96 + 24, 60 + beat) for beat in range(5)]
    data = smf(track([(0, tempo(60)), (192, tempo(240))]), track([(0, program(0)), *notes(*rows)]))
    song = read(data, TRIO, tempo_map=write_map(tmp_path / "b.txt", "0\n0.5\n"))
    assert np.argwhere(song.piece.roll[1] == 2)[:, :2].tolist() == [[0, 0], [0, 8], [1, 0], [1, 2], [1, 4]]


def test_the_beats_of_a_midi_file_are_a_map(tmp_path):
    path = tmp_path / "map.mid"
    path.write_bytes(smf(track([(0, tempo(120)), (96, tempo(60)), (192, tempo(150))], end=400)))
    np.testing.assert_allclose(read_beats(path), [0, 0.5, 1.5, 1.9, 2.3])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has 0 beats"),
        ("1.5\n", "has 1 beats"),
        ("0\n0.5\nend\n", "line 3: 'end' does not begin with a time"),
        ("0\n0.5\n1e9\n", "line 3"),
        ("-1\n0.5\n", "line 1"),
        ("0\n0.5\n0.4\n", r"the beat at 0\.5 s is followed by one at 0\.4 s"),
        ("0\n20\n", "4 to 1000 a minute"),
        ("0\n" + "9" * 5000, "line 2"),
    ],
)
def test_what_is_no_tempo_map_is_one_sentence(tmp_path, text, problem):
    with pytest.raises(MidiError, match=problem):
        read_beats(write_map(tmp_path / "b.txt", text))


def test_notation_and_maps_of_frames_are_refused(tmp_path, beats):
    with pytest.raises(MidiError, match="cannot have a tempo map"):
        read(b"X:1\nK:C\nCDEF|", TRIO, tempo_map=beats)
    path = tmp_path / "map.mid"
    path.write_bytes(smf(track([], end=400), division=0xE728))
    with pytest.raises(MidiError, match="counts frames"):
        read_beats(path)


def test_a_map_of_a_million_beats_is_refused(tmp_path):
    path = tmp_path / "map.mid"
    path.write_bytes(smf(track([], end=1 << 24), division=1))
    with pytest.raises(MidiError, match="more than"):
        read_beats(path)


def test_a_file_on_its_own_beats_stays_as_it_is(tmp_path):
    own = smf(track([(0, tempo(100))], end=96 * 16))
    (tmp_path / "map.mid").write_bytes(own)
    plain, laid = read(band(), TRIO), read(band(), TRIO, tempo_map=tmp_path / "map.mid")
    assert (plain.piece.roll == laid.piece.roll).all()

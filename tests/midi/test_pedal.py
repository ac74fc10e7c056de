"""Notes that the sustain pedal holds."""

from dataclasses import replace

import numpy as np
import pytest
from midibytes import meter, notes, program, smf, track
from midireader import read_file
from songs import TRIO

from musegan.corpus.prepare import prepare
from musegan.midi.pedal import hold_notes
from musegan.midi.quantize import quantize_score
from musegan.midi.read import read_score
from musegan.midi.song import read

BEAT, BAR = 96, 384


def pedal(tick, value, channel=0, number=64):
    return tick, bytes([0xB0 | channel, number, value])


def ends_of(rows, moves):
    start, end, pitch = np.array(rows).T
    ticks, is_down = (np.array(column) for column in zip(*moves, strict=True))
    return hold_notes(start, end, pitch, (ticks, is_down.astype(bool))).tolist()


def test_a_note_sounds_until_the_pedal_is_lifted_or_its_pitch_is_struck_again():
    rows = [(0, 50, 60), (10, 90, 64), (100, 130, 60), (140, 500, 67), (300, 310, 72)]
    assert ends_of(rows, [(40, 1), (120, 0)]) == [100, 120, 130, 500, 310]
    assert ends_of(rows, [(40, 1), (60, 1), (120, 0), (200, 0)]) == [100, 120, 130, 500, 310]  # said twice
    assert ends_of(rows, [(40, 1), (120, 0), (125, 1)]) == [100, 120, 500, 500, 500]  # never lifted: to the end
    assert ends_of(rows, [(310, 1), (400, 0)]) == [50, 90, 130, 500, 310]  # pressed when the note has ended
    assert ends_of(rows, [(40, 0)]) == [50, 90, 130, 500, 310]


def pedalled(*extra):
    keys = [(0, program(0)), *notes((0, 48, 60), (96, 144, 64), (384, 400, 60)), pedal(24, 127), *extra]
    other = [(0, program(33, 1)), *notes((0, 48, 40), channel=1)]
    drums = notes((0, 10, 36), channel=9)
    return smf(track([(0, meter(4, 4))], 2 * BAR), track(keys, 2 * BAR), track(other), track(drums))


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        (pedal(200, 0), [200, 200, 400]),
        (pedal(200, 63), [200, 200, 400]),
        (pedal(200, 0, number=121), [200, 200, 400]),
        (pedal(200, 0, number=120), [200, 200, 400]),
        (pedal(390, 0), [384, 390, 400]),
    ],
)
@pytest.mark.parametrize("is_quick", [True, False])
def test_both_readers_hold_the_notes_of_the_channel_of_the_pedal(lift, expected, is_quick):
    keys, bass, drums = read_score(pedalled(lift), is_quick=is_quick).parts
    assert keys.find_ends("hold").tolist() == expected
    assert keys.find_ends("ignore").tolist() == keys.end.tolist() == [48, 144, 400]
    assert bass.moves is drums.moves is None


def test_a_pedal_in_another_track_of_the_channel_counts():
    data = smf(track([(0, program(0)), *notes((0, 48, 60))]), track([pedal(20, 127), pedal(300, 0)]))
    (part,) = read_score(data).parts
    assert part.find_ends("hold").tolist() == [300]


def test_corpora_and_songs_hear_held_notes_and_write_the_file_as_it_is(tmp_path):
    data = pedalled(pedal(200, 0))
    held, plain = (read(data, TRIO, pedal=kind) for kind in ("hold", "ignore"))
    keys = [song.grid.notes[song.grid.notes["track"] == 1]["duration"].tolist() for song in (held, plain)]
    assert keys == [[8, 4, 1], [2, 2, 1]]
    given = np.ones(held.piece.roll.shape[:2], bool)
    held.write(replace(held.piece, given=given), tmp_path / "out.mid")
    before, after = read_file(data), read_file((tmp_path / "out.mid").read_bytes())
    assert [messages[:-1] for messages in after.tracks] == [messages[:-1] for messages in before.tracks]
    score = read_score(data)
    for kind, durations in (("hold", keys[0]), ("ignore", keys[1])):
        (stretch,) = quantize_score(score, TRIO, pedal=kind)
        assert stretch.notes[stretch.notes["track"] == 1]["duration"].tolist() == durations


def test_prepare_takes_the_choice(tmp_path):
    (tmp_path / "song.mid").write_bytes(pedalled(pedal(200, 0)))
    found = {}
    for kind in ("hold", "ignore"):
        report = prepare([tmp_path / "song.mid"], tmp_path / f"{kind}.npz", TRIO, workers=1, pedal=kind)
        found[kind] = np.load(report.dataset)["notes"]["duration"].tolist()
    assert sum(found["hold"]) == sum(found["ignore"]) + 8

"""How surprising each bar is, and why."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.composing.attribution import (
    Explanation,
    explain,
    explain_in_steps,
    explain_surprises,
    find_copied_bars,
    find_reason,
    measure_nats,
)
from musegan.config import preset
from musegan.corpus.note_list import NoteList
from musegan.corpus.packing import DatasetWriter, Song
from musegan.errors import ConfigError
from musegan.midi.performance import FEEL_SUMS
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.pianoroll import roll_to_notes
from musegan.music.piece import Piece
from musegan.training.distributed import Distributed
from musegan.training.samples import sample_prior
from musegan.training.trainer import Trainer

DRUMS, KEYS, BASS = range(3)
RIFF = [(0, 3, 18), (4, 2, 21), (7, 1, 25), (8, 5, 23), (14, 2, 16)]


def riff_song(root, n_bars):
    """A riff of the keys in every bar, drums on the beats, a bass note a bar: ``(track, bar, step, pitch)``."""
    rows = [(KEYS, bar, step, length, pitch + root) for bar in range(n_bars) for step, length, pitch in RIFF]
    rows += [(DRUMS, bar, step, 1, 6) for bar in range(n_bars) for step in (0, 4, 8, 12)]
    rows += [(BASS, bar, 0, 12, 4 + root) for bar in range(n_bars)]
    return pieces(rows, n_bars=n_bars)[0]


@pytest.fixture(scope="module")
def riffs(tmp_path_factory):
    """A tiny model that has learnt for some seconds that bars come again."""
    path = tmp_path_factory.mktemp("riffs") / "riffs.npz"
    with DatasetWriter(path, TRIO) as writer:
        for root in range(6):
            notes = roll_to_notes(riff_song(root, 8), TRIO)
            sums = np.zeros((3, 16, len(FEEL_SUMS)))
            writer.add(Song(name=f"riff {root}", source=root, n_bars=8, notes=notes, feel_sums=sums))
    settings = ["n_windows=800", "batch_size=8", "warm_up=100", "learning_rate=0.004", "precision=float32"]
    config = preset("tiny").with_settings([f"train.{setting}" for setting in settings])
    notes = NoteList.open(path)
    trainer = Trainer(notes, config, Distributed(torch.device("cpu")))
    while not trainer.is_finished:
        trainer.iterate()
    return trainer.as_model(sample_prior(notes, config, 8), {})


def piece_of(spec, n_bars, *cells):
    """A piece with one long note in each of `cells`: track and bar."""
    return Piece(roll=pieces([(track, bar, 0, 16, 12) for track, bar in cells], n_bars=n_bars)[0], spec=spec)


@pytest.mark.parametrize("bar", [1, 3])
def test_a_wrong_note_in_a_bar_that_returns_is_more_surprising_than_the_bar_as_it_was(riffs, bar):
    roll = riff_song(2, 4)
    wrong = roll.copy()
    wrong[KEYS, bar, 7, 27], wrong[KEYS, bar, 7, 30] = 0, 2
    before, after = (explain(riffs, Piece(roll=music, spec=TRIO)).surprise for music in (roll, wrong))
    assert after[KEYS, bar] > before[KEYS, bar] + 0.2
    assert explain(riffs, Piece(roll=wrong, spec=TRIO)).rank_bars()[0][:2] == ("keys", bar)
    assert after[DRUMS].max() < after[KEYS, bar]


@pytest.mark.parametrize("n_bars", [1, 3, 4, 7, 9])
def test_bars_that_sound_are_judged_and_no_others(model, n_bars):
    piece = piece_of(model.spec, n_bars, (DRUMS, 0), (KEYS, n_bars - 1))
    found = model.explain(piece)
    assert np.isfinite(found.surprise).tolist() == piece.roll.any((2, 3)).tolist()
    assert (found.surprise[np.isfinite(found.surprise)] > 0).all()
    assert np.array_equal(found.surprise, model.explain(piece).surprise, equal_nan=True)


def test_what_is_known_by_then_is_told_between_the_windows(model):
    """Seven bars are two windows of four, of which the second begins with the fourth bar."""
    piece = piece_of(model.spec, 7, (DRUMS, 0), (KEYS, 3), (BASS, 6))
    found = list(explain_in_steps(model, piece))
    assert [int(np.isfinite(each.surprise).sum()) for each in found] == [0, 2, 3]
    assert np.array_equal(found[-1].surprise, explain(model, piece).surprise, equal_nan=True)


def test_the_nats_of_a_bar_are_those_of_its_beats(model):
    """Silence costs nats too; per note and beat: a bar of five notes has nine places."""
    rolls = riff_song(0, 4)[None]
    nats, n_notes = measure_nats(model, rolls)
    assert n_notes[0].tolist() == [[4] * 4, [5] * 4, [1] * 4]
    assert nats.shape == (1, 3, 4)
    surprise = model.explain(Piece(roll=rolls[0], spec=TRIO)).surprise
    assert surprise[KEYS] == pytest.approx(nats[0, KEYS] / 9)
    assert surprise[BASS] == pytest.approx(nats[0, BASS] / 5)
    controls = Controls.measure(Music.from_rolls(rolls, TRIO))
    assert (measure_nats(model, rolls, controls)[0] != nats).any()


def test_a_bar_is_judged_by_all_others_and_not_by_itself(riffs):
    """What stands in a bar of the keys changes what the bars around it are taken for."""
    roll = riff_song(1, 4)
    other = roll.copy()
    other[KEYS, 2] = 0
    other[KEYS, 2, 3, 33] = 2
    one, two = (measure_nats(riffs, music[None])[0][0] for music in (roll, other))
    assert (one != two)[KEYS, [0, 1, 3]].all()
    assert (one != two)[DRUMS].all()


def test_bars_are_ranked_by_surprise(model):
    surprise = np.full((3, 2), np.nan)
    surprise[KEYS, 1], surprise[BASS, 0], surprise[DRUMS, 0] = 0.5, 2.25, 0.5
    found = Explanation(piece=piece_of(model.spec, 2, (DRUMS, 0)), surprise=surprise)
    assert found.rank_bars() == [("bass", 0, 2.25), ("drums", 0, 0.5), ("keys", 1, 0.5)]
    told = found.to_dict()
    assert (told["bars"], told["unit"]) == (2, "nats for each note and beat")
    assert told["cells"][0] == {"track": "bass", "bar": 1, "surprise": 2.25}


def test_what_cannot_be_explained_is_refused(model):
    with pytest.raises(ConfigError, match="no notes"):
        model.explain(piece_of(model.spec, 2))
    spec = replace(model.spec, n_pitches=41)
    with pytest.raises(ConfigError, match="n_pitches"):
        model.explain(Piece(roll=np.ones(spec.shape(2), np.uint8), spec=spec))


def trio_piece(rows, n_bars=4):
    """Rows of (track, bar, step, length, pitch from 30)."""
    return Piece(roll=pieces(rows, n_bars=n_bars)[0], spec=TRIO)


def chords_and_bass(last):
    """C major chords in the keys over three bars of C in the bass, and a fourth bar of its own."""
    keys = [(KEYS, bar, 0, 16, pitch - 30) for bar in range(4) for pitch in (60, 64, 67)]
    bass = [(BASS, bar, step, 4, 36 - 30) for bar in range(3) for step in (0, 8)]
    return trio_piece([*keys, *bass, *((BASS, 3, *note) for note in last)])


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ([(0, 4, 37 - 30), (8, 4, 42 - 30)], "leaves the chord"),
        ([(0, 4, 48 - 30), (8, 4, 48 - 30)], "goes much higher"),
        ([(step, 2, 36 - 30) for step in range(0, 16, 2)], "is much busier"),
        ([(0, 8, 36 - 30)], "is much sparser"),
        ([(3, 4, 36 - 30), (11, 4, 36 - 30)], "has a rhythm of its own"),
    ],
)
def test_a_bar_is_told_by_what_it_does(last, reason):
    assert find_reason(chords_and_bass(last), BASS, 3) == reason


def test_drums_and_single_bars_have_reasons_of_their_own():
    rows = [(DRUMS, bar, step, 1, 6) for bar in range(3) for step in (0, 8)]
    assert (
        find_reason(trio_piece([*rows, (DRUMS, 3, 0, 1, 19), (DRUMS, 3, 8, 1, 19)]), DRUMS, 3) == "has other drums"
    )
    assert find_reason(trio_piece([(KEYS, 1, 0, 4, 20)]), KEYS, 1) == "plays only here"


def test_the_most_surprising_come_first():
    piece = chords_and_bass([(0, 4, 37 - 30), (8, 4, 42 - 30)])
    surprise = np.full((3, 4), np.nan)
    surprise[BASS] = [0.5, 0.1, 0.2, 3.0]
    surprise[KEYS, 0] = 1.0
    found = explain_surprises(Explanation(piece=piece, surprise=surprise), 2)
    assert [(item.track, item.bar) for item in found] == [(BASS, 3), (KEYS, 0)]
    assert found[0].reason == "leaves the chord"


def test_copied_bars_are_found():
    piece = chords_and_bass([(0, 4, 36 - 30), (8, 4, 36 - 30)])
    assert find_copied_bars(piece).tolist() == [[-1] * 4, [-1, 0, 0, 0], [-1, 0, 0, 0]]

"""Players are told from averages and from flat notes, and a head that knows them is nearer."""

import numpy as np
import pytest
from songs import write_dataset, write_played_dataset

from musegan.evaluation import Settings, evaluate
from musegan.evaluation.candidates import DatasetCandidate
from musegan.evaluation.captions import write_caption
from musegan.evaluation.performance import AVERAGES, FLAT, choose_played, perform_notes, score_performances
from musegan.evaluation.scores import REFERENCE, Measure
from musegan.metrics import two_sample
from musegan.midi.performance import MOST_LATE, TableFeel


class Player:
    """Plays as `songs.make_played_song` does."""

    def draw(self, piece, notes, first_bar):
        step, rng = notes["start"] % 16, np.random.default_rng([piece.seed, len(notes)])
        level = np.select([step == 0, step % 4 == 0], [110, 80], 50) + rng.integers(-15, 16, len(step))
        return level, np.where(step // 4 % 2 == 1, 0.25, -0.1) + rng.uniform(-0.1, 0.1, len(step))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_played_dataset(tmp_path_factory.mktemp("played") / "played.npz", 72)


def test_held_out_notes_are_performed_by_whoever_is_asked(dataset):
    played, source, tempo = choose_played(dataset, 20, 0)
    assert len(source) == len(tempo) == 20
    assert set((source % 6).tolist()) == {5}  # the test part
    assert np.isnan(played.velocity[played.track == 2]).all()
    assert np.abs(played.late[played.track < 2]).max() <= MOST_LATE
    again = perform_notes(played, TableFeel(table=None), tempo, 0)
    assert np.isnan(again.velocity[played.track == 2]).all()
    assert set(again.velocity[played.track < 2].tolist()) == {94, 102}
    assert (again.step == played.step).all()


def test_a_player_is_nearer_than_averages_and_flat_notes(dataset, monkeypatch):
    monkeypatch.setattr(two_sample, "N_TREES", 10)
    real, ours = score_performances(dataset, Player(), 200, 0)

    def value(name, part=""):
        return ours[Measure("performance", name, part)].estimate

    assert value("AUC of velocities") < 0.65 < value("AUC of velocities", AVERAGES)
    assert value("AUC of velocities", FLAT) > 0.99
    assert value("timings overlap") > value("timings overlap", FLAT) + 0.3
    assert value("contours correlate") > 0.6
    assert Measure("performance", "contours correlate", FLAT) not in ours
    assert real[Measure("performance", "accents agree")].estimate == pytest.approx(value("accents agree"), abs=0.2)


def test_songs_that_nobody_played_have_no_scores(tmp_path):
    assert score_performances(write_dataset(tmp_path / "typed.npz"), Player(), 50, 0) == ({}, {})


def test_an_evaluation_measures_candidates_that_play(dataset, monkeypatch):
    monkeypatch.setattr(two_sample, "N_TREES", 5)
    settings = Settings(n_phrases=24, n_pieces=8, piece_bars=8, n_contexts=4, n_draws=1, n_originality=5)
    candidate = DatasetCandidate(dataset, "valid", "player")
    candidate.feel = Player()
    found = evaluate([candidate], dataset, settings)
    shown = {measure.label for measure in found.list_measures() if measure.section == "performance"}
    assert {"AUC of velocities", f"AUC of velocities, {FLAT}", "accents agree", "contours correlate"} <= shown
    assert Measure("performance", "accents agree") in found.rows[REFERENCE]
    assert all(write_caption(measure) for measure in found.list_measures())

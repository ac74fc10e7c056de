"""Manners that are drawn, and pieces that are played in them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.config import PerformanceConfig
from musegan.midi.manner import MANNER
from musegan.midi.performance import MOST_LATE, perform_piece
from musegan.models.composed_feel import ComposedFeel
from musegan.models.manner_prior import MannerPrior
from musegan.music.piece import Piece
from musegan.networks.performance_head import PerformanceHead

LOUD = MANNER.index("velocity")


def known_manners(n_songs=40, n_phrases=8):
    """Drums and keys of a song are loud together; nobody plays the bass."""
    rng = np.random.default_rng(3)
    level = np.repeat(rng.normal(80, 15, n_songs), n_phrases)
    manner = np.full((n_songs * n_phrases, 3, len(MANNER)), np.nan)
    manner[:, :2] = rng.uniform(0, 1, (len(manner), 2, len(MANNER)))
    manner[:, :2, LOUD] = level[:, None] + rng.normal(0, 3, (len(manner), 2))
    return manner, np.repeat(np.arange(n_songs), n_phrases)


@pytest.fixture(scope="module")
def prior():
    return MannerPrior.fit(*known_manners())


@pytest.fixture(scope="module")
def feel(prior):
    torch.manual_seed(1)
    head = PerformanceHead(TRIO, PerformanceConfig(width=32, n_blocks=1)).eval()
    table = np.zeros((3, TRIO.steps_per_bar, 4), np.float32)
    table[..., 0] = 77
    return ComposedFeel(table=table, head=head, manners=prior)


def test_the_prior_knows_who_is_played_and_how_tracks_agree(prior):
    assert prior.is_played.tolist() == [True, True, False]
    n = len(MANNER)
    assert prior.correlation[LOUD, n + LOUD] > 0.4
    assert abs(prior.correlation[LOUD, 1]) < 0.2
    assert prior.song_share[LOUD] > 0.8
    assert prior.song_share[1] < 0.2


def test_scores_are_normal_and_go_back_to_values(prior):
    manner, _ = known_manners()
    scores = prior.to_scores(manner)
    assert scores[:, 0, LOUD].mean() == pytest.approx(0, abs=0.1)
    assert scores[:, 0, LOUD].std() == pytest.approx(1, abs=0.1)
    assert np.isnan(scores[:, 2]).all()
    middle = prior.to_values(np.zeros(1, np.float32), np.zeros(1, int), "velocity")
    assert middle[0] == pytest.approx(np.median(manner[:, 0, LOUD]), abs=1)


def test_drawn_manners_follow_songs_and_what_is_fixed(prior):
    drawn = np.concatenate([prior.draw(seed, np.arange(6)) for seed in range(120)])
    loud = drawn[..., LOUD].reshape(120, 6, 3)
    assert np.corrcoef(loud[:, 0, 0], loud[:, 0, 1])[0, 1] > 0.3
    assert np.corrcoef(loud[:, 0, 0], loud[:, 5, 0])[0, 1] > 0.6  # other phrases of the same piece
    like = np.full((3, len(MANNER)), np.nan)
    like[0, LOUD] = 1.5
    near = np.concatenate([prior.draw(seed, np.arange(1), like) for seed in range(120)])
    assert (near[:, 0, LOUD] == 1.5).all()
    assert near[:, 1, LOUD].mean() > loud[..., 1].mean() + 0.4
    assert np.array_equal(prior.draw(5, np.array([2, 3]))[1], prior.draw(5, np.array([3]))[0])


def song(n_bars=6):
    rows = [(0, bar, step, 1, 6) for bar in range(n_bars) for step in (0, 4, 8, 12)]
    rows += [(1, bar, 2, 3, pitch) for bar in range(n_bars) for pitch in (20, 24)]
    rows += [(2, bar, 0, 8, 3 + bar) for bar in range(n_bars)]
    return pieces(rows, n_bars=n_bars)[0]


def test_a_bar_is_played_the_same_within_a_part_and_within_the_whole(feel):
    piece = Piece(roll=song(), spec=TRIO, feel=feel, seed=4)
    whole, part = perform_piece(piece), perform_piece(piece.cut(3, 5), first_bar=3)
    bar = TRIO.steps_per_bar
    inside = whole[(whole["step"] >= 3 * bar) & (whole["step"] < 5 * bar)]
    assert part["velocity"].tolist() == inside["velocity"].tolist()
    assert len(set(whole["velocity"].tolist())) > 8


def test_seeds_are_players_and_tracks_that_nobody_played_have_the_averages(feel):
    first, again, other = (perform_piece(Piece(roll=song(), spec=TRIO, feel=feel, seed=s)) for s in (1, 1, 2))
    assert first.tolist() == again.tolist()
    drums = first["track"] == 0
    assert first["velocity"][drums].tolist() != other["velocity"][drums].tolist()
    assert set(first["velocity"][first["track"] == 2].tolist()) == {77}


def test_offsets_stay_within_half_a_step_and_strength_goes_from_flat(feel):
    piece = Piece(roll=song(), spec=TRIO, feel=feel, seed=1)
    for strength in (0.0, 1.0):
        played = perform_piece(piece, strength)
        late = played["start"] / 120 - played["step"]
        assert np.abs(late).max() <= MOST_LATE * strength + 1e-9
        if not strength:
            assert set(played["velocity"].tolist()) == {90}


def test_a_manner_that_repeats_plays_equal_bars_alike(feel):
    like = np.full((3, len(MANNER)), 0.5, np.float32)
    for column in ("velocity_repeats", "late_repeats"):
        like[:2, MANNER.index(column)] = 10  # far above all songs: the most
    roll = song()
    roll[:, 1:] = roll[:, :1]
    quantiles = feel.manners.quantiles.copy()
    quantiles[:2, MANNER.index("velocity_repeats")] = np.linspace(0, 1, quantiles.shape[-1])
    steady = replace(feel, manners=replace(feel.manners, quantiles=quantiles), like=np.clip(like, -2.1, 2.1))
    played = perform_piece(Piece(roll=roll, spec=TRIO, feel=steady, seed=1))
    free = perform_piece(Piece(roll=roll, spec=TRIO, feel=feel, seed=1))

    def repeats(notes):
        loud = notes["velocity"][notes["track"] == 0].reshape(6, 4)
        return (loud[1:] == loud[:-1]).mean()

    assert repeats(played) > 0.7 > repeats(free)

"""What the user asks for and what is given, as controls."""

from dataclasses import replace

import numpy as np
import pytest
from songs import pieces

from musegan.composing.prior import draw_section, move_to_key
from musegan.composing.request import GenerationRequest
from musegan.composing.requested_controls import (
    find_requested_key,
    plan_filling,
    plan_new_piece,
    restrict_controls,
    set_progression,
)
from musegan.errors import ConfigError
from musegan.music.cells import FREE_BAR
from musegan.music.chords import parse_progression
from musegan.music.control_kinds import CONTROLS, PLAYS, RESTS
from musegan.music.key import Key, key_scores
from musegan.music.knobs import KNOBS, turn_knobs
from musegan.music.piece import Piece

DRUMS, KEYS, BASS = range(3)
C_KEYS, F_KEYS, G_KEYS, AM_KEYS = (48, 52, 55), (53, 57, 60), (55, 59, 62), (57, 60, 64)
C, F, G, AM = (int(parse_progression(chord, 1)[0][0]) for chord in ("C", "F", "G", "Am"))


@pytest.fixture(scope="module")
def long(model):
    """The model with phrases of four bars."""
    config = replace(model.config, model=replace(model.config.model, window_bars=16))
    return replace(model, config=config)


def chords(model, *bars, tempo_qpm=100.0):
    """A piece of one chord a bar in the keys, given by MIDI pitches."""
    rows = [(KEYS, bar, 0, 16, pitch - 30) for bar, pitches in enumerate(bars) for pitch in pitches]
    return Piece(roll=pieces(rows, n_bars=len(bars))[0], spec=model.spec, tempo_qpm=tempo_qpm)


def first_bars(model, n_bars, n_given):
    mask = np.zeros((model.spec.n_tracks, n_bars), bool)
    mask[:, :n_given] = True
    return mask


def section(model, n_bars, request, key):
    return move_to_key(draw_section(model, request, n_bars), key)


def by_bar(controls, column):
    return controls["chords"][0, :, column].reshape(-1, 4).tolist()


def test_chords_are_those_of_what_is_given_and_then_of_the_phrase_before(long):
    context = chords(long, C_KEYS, F_KEYS, G_KEYS, AM_KEYS, C_KEYS, G_KEYS, *[()] * 5)
    controls = plan_filling(long, context, first_bars(long, 11, 6), GenerationRequest(seed=1), Key(0))
    # bars 7 and 8 have the chords of bars 3 and 4, 9 and 10 those of 5 and 6, 11 those of 7 and so of 3
    expected = [C, F, G, AM, C, G, G, AM, C, G, G]
    assert by_bar(controls, 0) == [[tones] * 4 for tones in expected]
    assert by_bar(controls, 1) == [[root] * 4 for root in (0, 5, 7, 9, 0, 7, 7, 9, 0, 7, 7)]


def test_without_a_phrase_before_chords_are_drawn(long):
    request = GenerationRequest(seed=4)
    mask = first_bars(long, 6, 0)
    mask[:, 3:5] = True
    controls = plan_filling(long, chords(long, (), (), (), G_KEYS, F_KEYS, ()), mask, request, Key(2))
    own = section(long, 6, request, Key(2))
    assert by_bar(controls, 0)[:3] == by_bar(own, 0)[:3]
    assert by_bar(controls, 0)[3:5] == [[G] * 4, [F] * 4]
    assert by_bar(controls, 1)[5] == by_bar(own, 1)[5]  # a phrase before it nothing is given


def test_drums_alone_say_nothing_of_chords(model):
    request, mask = GenerationRequest(seed=2), first_bars(model, 5, 0)
    mask[DRUMS] = True
    rows = [(DRUMS, bar, step, 1, 6) for bar in range(5) for step in (0, 4, 8, 12)]
    piece = Piece(roll=pieces(rows, n_bars=5)[0], spec=model.spec)
    controls = plan_filling(model, piece, mask, request, Key(0))
    own = section(model, 5, request, Key(0))
    assert (controls["chords"] == own["chords"]).all()
    assert (controls["key"] == own["key"]).all()
    assert controls["groove"][0].tolist() == [1, 0, 0, 0]
    assert np.flatnonzero(controls["kit"][0, DRUMS]).tolist() == [6]


def test_groove_register_density_texture_key_and_tempo_are_taken_from_what_is_given(model):
    request, mask = GenerationRequest(seed=3), first_bars(model, 5, 0)
    mask[KEYS, :3] = mask[DRUMS, 0] = True
    piece = chords(model, C_KEYS, (), (50, 65), (), ())
    piece.roll[DRUMS, 0, [0, 1, 4, 5, 9], 6] = 2
    controls = plan_filling(model, piece, mask, request, Key(0))
    own = section(model, 5, request, Key(0))
    # places: drums at 0, 1, 0, 1, 1 of the beat; keys at 0 in two bars
    assert controls["groove"][0].tolist() == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert controls["register"][0, KEYS] == (48 + 52 + 55 + 50 + 65) / 5
    assert controls["register"][0, BASS] == own["register"][0, BASS]
    assert controls["texture"][0, KEYS, 1] == 4  # log2 of 16 steps
    assert controls["texture"][0, BASS].tolist() == own["texture"][0, BASS].tolist()
    assert controls["density"][0, KEYS].tolist() == [3, 0, 2, 2.5, 2.5]
    assert controls["density"][0, DRUMS].tolist() == [5, 5, 5, 5, 5]
    assert controls["key"][0, [0, 4, 7, 2, 5]].tolist() == pytest.approx([0.2] * 5)
    assert controls["tempo"].tolist() == [100]
    assert plan_filling(model, piece, mask, replace(request, tempo_qpm=70), Key(0))["tempo"].tolist() == [70]


def test_repetition_is_as_found_in_given_tracks_and_free_in_half_given_ones(model):
    """Keys are given, with the first bar again after two bars; of the drums one bar is given."""
    mask = first_bars(model, 4, 0)
    mask[KEYS] = mask[DRUMS, 0] = True
    piece = chords(model, C_KEYS, F_KEYS, C_KEYS, (50, 57, 62))
    play = np.full_like(model.prior["play"], PLAYS)
    everyone = replace(model, prior=model.prior.replace(play=play))
    plan = plan_filling(everyone, piece, mask, GenerationRequest(seed=3), Key(0))["repetition"][0]
    assert plan[KEYS].tolist() == [[0, 0, 2, 1], [0, 1, 0, 1], [2, 1, 0, 0], [0, 0, 0, 0]]
    assert (plan[DRUMS] == FREE_BAR).all()
    own = section(everyone, 4, GenerationRequest(seed=3), Key(0))
    assert plan[BASS].tolist() == own["repetition"][0, BASS].tolist()


def test_what_is_not_given_tells_nothing(model):
    mask = first_bars(model, 4, 2)
    one = chords(model, C_KEYS, F_KEYS, (), ())
    other = chords(model, C_KEYS, F_KEYS, G_KEYS, (64, 65, 66))
    plans = [plan_filling(model, piece, mask, GenerationRequest(seed=1), Key(0)) for piece in (one, other)]
    for item in CONTROLS:
        assert np.array_equal(*(plan[item.name] for plan in plans), equal_nan=item.dtype == np.float32)


def test_who_plays(model):
    """Keys play in bar 1 and rest in bar 2; drums and bass are silent."""
    mask = first_bars(model, 4, 2)
    context = chords(model, C_KEYS, (), (), ())
    own = GenerationRequest(seed=1, rests={"keys": [3]})
    play = plan_filling(model, context, mask, own, Key(0), must_play=[BASS])["play"][0]
    assert play[DRUMS].tolist() == [RESTS] * 4  # what is given of it is silent
    assert play[KEYS].tolist() == [PLAYS, RESTS, PLAYS, RESTS]
    assert play[BASS].tolist() == [RESTS, RESTS, PLAYS, PLAYS]  # it must play
    whole_track = first_bars(model, 4, 0)
    whole_track[KEYS] = True
    play = plan_filling(model, context, whole_track, GenerationRequest(seed=1), Key(0))["play"][0]
    assert (play[[DRUMS, BASS]] == PLAYS).all()
    assert play[KEYS].tolist() == [PLAYS, RESTS, RESTS, RESTS]


def some_controls(model, n_bars, **values):
    """Controls of a section, with some values of the only piece."""
    controls = draw_section(model, GenerationRequest(), n_bars)
    return controls.replace(**{name: np.array([value], controls[name].dtype) for name, value in values.items()})


def test_density_is_a_multiple_of_what_the_song_has_or_else_of_the_usual(model):
    controls = some_controls(
        model, 3, density=[[4, 0, 6], [0, 0, 0], [1, 1, 1]], play=[[1, 1, 1], [1, 1, 1], [1, 1, -1]]
    )
    asked = restrict_controls(model, controls, None, GenerationRequest(density={"drums": 0.5}))["density"][0]
    assert asked[DRUMS].tolist() == pytest.approx([2, 2.5, 3])  # as in its other bars where it has no notes
    assert asked[BASS].tolist() == [1, 1, 0]  # who rests has no notes
    found = model.prior["density"][:, KEYS]
    usual = model.usual_densities[KEYS]
    assert usual == pytest.approx(found[found > 0].mean())
    assert asked[KEYS].tolist() == pytest.approx([usual] * 3)  # it plays and has no notes anywhere
    assert controls["density"][0, DRUMS].tolist() == [4, 0, 6]  # a copy


def test_density_makes_a_silent_track_play_and_0_makes_it_rest(model):
    controls = some_controls(model, 3, play=[[-1, -1, -1], [1, -1, 1], [1, 1, 1]])
    composed = np.array([[True, True, False]] * 3)
    own = GenerationRequest(density={"drums": 1.0, "keys": 2.0, "bass": 0.0})
    play = restrict_controls(model, controls, None, own, composed)["play"][0]
    assert play.tolist() == [[1, 1, -1], [1, -1, 1], [-1, -1, 1]]


def test_only_some_tracks(model):
    controls = some_controls(model, 3, play=[[1, 1, 1], [-1, 1, -1], [-1, -1, -1]])
    asked = restrict_controls(model, controls, ["keys", "bass"], GenerationRequest())
    assert asked["play"][0].tolist() == [[-1, -1, -1], [-1, 1, -1], [1, 1, 1]]
    assert not asked["density"][0, DRUMS].any()
    assert (asked["density"][0, BASS] > 0).all()


def test_a_style_and_a_tempo(model):
    asked = restrict_controls(model, some_controls(model, 2), None, GenerationRequest(style="odd", tempo_qpm=77))
    assert (asked["style"].tolist(), asked["tempo"].tolist()) == ([0], [77])


@pytest.mark.parametrize(
    ("progression", "key"),
    [
        ("C Am F G", Key(0)),
        ("Am Dm E7 Am", Key(9, True)),
        ("E B7 C#m A E", Key(4)),
        ("Bb | Eb F7 | Bb", Key(10)),
    ],
)
def test_a_progression_has_a_key(model, progression, key):
    assert find_requested_key(model, GenerationRequest(progression=progression)) == key


@pytest.mark.parametrize(
    ("key", "progression", "found"),
    [
        (Key(2, True), "C Am F G", Key(0)),  # b is no note of D minor, and D minor is none of the chords
        (Key(9, True), "C Am F G", Key(9, True)),
        (Key(9, True), "F E7", Key(9, True)),  # its leading note
        (Key(2, True), "Dm G C", Key(2, True)),
    ],
)
def test_a_key_is_claimed_only_where_the_chords_allow_it(model, key, progression, found):
    assert find_requested_key(model, GenerationRequest(key=key, progression=progression)) == found


def test_without_key_and_progression_the_key_is_free(model):
    assert find_requested_key(model, GenerationRequest()) is None


def test_a_progression_is_repeated_to_the_end(model):
    """The key is half that of the section, half that of the chords."""
    controls = some_controls(model, 5)
    asked = set_progression(model, controls, GenerationRequest(progression="C F/A"))
    assert by_bar(asked, 0) == [[C] * 4, [F] * 4] * 2 + [[C] * 4]
    assert by_bar(asked, 1) == [[0] * 4, [9] * 4] * 2 + [[0] * 4]
    shares = np.bincount([0, 4, 7, 5, 9, 0], minlength=12) / 6
    assert asked["key"][0] == pytest.approx((controls["key"][0] + shares) / 2)
    assert set_progression(model, controls, GenerationRequest()) is controls


def test_a_progression_in_e_is_that_in_c_moved(model):
    plans = []
    for text, key in (("E B C#m A", Key(4)), ("C G Am F", Key(0))):
        controls, own = plan_new_piece(model, GenerationRequest(seed=5, progression=text), 6, None, "full", "")
        assert own == key
        plans.append(controls)
    assert by_bar(plans[1], 0) == [[tones] * 4 for tones in (C, G, AM, F, C, G)]
    moved = plans[1].transpose(np.array([4]))
    for item in CONTROLS:
        np.testing.assert_allclose(plans[0][item.name], moved[item.name], atol=1e-6)


def test_a_progression_for_given_music_counts_more_than_what_is_heard(model):
    piece = chords(model, (52, 56, 59), (57, 61, 64), (), (), ())
    mask = first_bars(model, 5, 0)
    mask[KEYS] = True
    own = GenerationRequest(seed=1, progression="C F | G | Am")
    told = by_bar(plan_filling(model, piece, mask, own, Key(4)), 0)
    assert told == [[C, C, F, F], [G] * 4, [AM] * 4, [C, C, F, F], [G] * 4]
    heard = by_bar(plan_filling(model, piece, mask, GenerationRequest(seed=1), Key(4)), 0)
    e, a = (int(parse_progression(chord, 1)[0][0]) for chord in ("E", "A"))
    assert heard[:2] == [[e] * 4, [a] * 4]


def test_sections_that_return_have_the_controls_that_they_had(model):
    own = GenerationRequest(seed=5, progression="C F G Am")
    controls, _ = plan_new_piece(model, own, 9, None, "natural", "ABA")
    assert by_bar(controls, 0) == [[tones] * 4 for tones in (C, F, G, AM, C, F, G, AM, C)]
    assert (controls["play"][:, :, 6:] == controls["play"][:, :, :3]).all()
    assert (controls["density"][:, :, 6:] == controls["density"][:, :, :3]).all()
    free, _ = plan_new_piece(model, GenerationRequest(seed=5), 9, None, "natural", "ABA")
    assert by_bar(free, 0)[6:] == by_bar(free, 0)[:3]


def test_where_a_track_plays_that_rests_in_the_song_nothing_is_told_of_what_returns(model):
    play = np.full_like(model.prior["play"], RESTS)
    play[:, DRUMS] = PLAYS
    resting = replace(model, prior=model.prior.replace(play=play))
    plan = plan_new_piece(resting, GenerationRequest(seed=1), 4, None, "full", "")[0]["repetition"][0]
    assert (plan[[KEYS, BASS]] == FREE_BAR).all()
    assert (plan[DRUMS] != FREE_BAR).all()


@pytest.mark.parametrize(("n_bars", "n_firsts"), [(3, 5), (4, 5), (6, 3), (8, 1)])
def test_a_piece_that_is_no_longer_than_a_section_is_a_part_of_one(long, n_bars, n_firsts):
    """Phrases are of 4 bars, so that a piece of 3 begins where a phrase has room. All chords say the key."""
    prior = long.prior.pieces(np.array([5]))
    assert prior.n_bars == 8
    density = np.arange(prior["density"].size, dtype=np.float32).reshape(prior["density"].shape)
    key, told = np.zeros_like(prior["key"]), np.zeros_like(prior["chords"])
    key[:, [0, 4, 7]], told[:] = 1 / 3, (C, 0)
    one = replace(long, prior=prior.replace(density=density, key=key, chords=told))
    found = {draw_section(one, GenerationRequest(seed=seed), n_bars)["density"].tobytes() for seed in range(80)}
    wanted = {density[:, :, first : first + n_bars].tobytes() for first in range(n_firsts)}
    assert found == wanted


def test_a_longer_piece_goes_through_its_section_again(model):
    for seed in range(4):
        controls = draw_section(model, GenerationRequest(seed=seed), 30)
        assert controls.n_bars == 30
        for name in ("play", "density"):
            assert (controls[name][:, :, 8:] == controls[name][:, :, :22]).all()
        assert (controls["chords"][:, 32:] == controls["chords"][:, :88]).all()


def test_sections_of_the_mode_and_style_that_are_asked_for(model):
    minor = key_scores(model.prior["key"]).argmax(-1) >= 12
    assert minor.any()
    for seed in range(12):
        odd = draw_section(model, GenerationRequest(seed=seed, style="odd"), 4)
        assert odd["style"].tolist() == [0]
        found = draw_section(model, GenerationRequest(seed=seed, key=Key(2, True)), 4)
        assert key_scores(found["key"]).argmax() >= 12


def test_sections_whose_chords_are_in_another_key_are_not_followed(model):
    """Of eight sections in C major three have the chord of C, the others that of A minor."""
    prior = model.prior
    key, told = np.zeros_like(prior["key"]), np.zeros_like(prior["chords"])
    key[:, [0, 4, 7]] = 1 / 3
    told[:] = AM, 9
    told[[1, 4, 6]] = C, 0
    register = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None], (8, 3))
    chosen = replace(model, prior=prior.replace(key=key, chords=told, register=register))
    found = {int(draw_section(chosen, GenerationRequest(seed=seed), 4)["register"][0, 0]) for seed in range(40)}
    assert found == {1, 4, 6}


def test_a_piece_has_the_key_of_its_section_unless_another_is_asked_for(model):
    """All sections are in D major, on its chord."""
    key, told = np.zeros_like(model.prior["key"]), np.zeros_like(model.prior["chords"])
    key[:, [2, 6, 9]] = 1 / 3
    told[:] = int(parse_progression("D", 1)[0][0]), 2
    register = np.full_like(model.prior["register"], 60)
    in_d = replace(model, prior=model.prior.replace(key=key, chords=told, register=register))
    controls, found = plan_new_piece(in_d, GenerationRequest(seed=1), 4, None, "full", "")
    assert found == Key(2)
    assert (controls["register"] == 60).all()
    for asked, moved in ((Key(2), 0), (Key(11, True), 0), (Key(4), 2), (Key(9), -5), (Key(8), -6)):
        controls, found = plan_new_piece(in_d, GenerationRequest(seed=1, key=asked), 4, None, "full", "")
        assert found == asked
        assert (controls["register"] == 60 + moved).all()


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_does_nothing_at_0_and_something_elsewhere(model, name):
    controls = draw_section(model, GenerationRequest(seed=1), 4)
    assert turn_knobs(controls, {name: 0}, model.spec) is controls
    up, down = (turn_knobs(controls, {name: step}, model.spec) for step in (1, -0.5))
    changed = {
        item.name for item in CONTROLS if not np.array_equal(up[item.name], controls[item.name], equal_nan=True)
    }
    assert changed
    for control in changed:
        assert np.nanmean(down[control]) <= np.nanmean(controls[control]) < np.nanmean(up[control])
    for some in (up, down, turn_knobs(controls, dict.fromkeys(KNOBS, 4), model.spec)):
        some.check(model.spec)


def test_what_a_step_of_a_knob_is(model):
    controls = draw_section(model, GenerationRequest(seed=1), 4)
    turned = turn_knobs(controls, {"busier": 2, "higher": 1, "drumming": -2}, model.spec)
    factors = np.array([1, 2, 2])[:, None]  # twice as many notes, half as many drums
    assert turned["density"][0] == pytest.approx(factors * controls["density"][0])
    assert turned["register"][0, KEYS:] == pytest.approx(controls["register"][0, KEYS:] + 3)


def test_an_unknown_knob_names_those_that_there_are(model):
    with pytest.raises(ConfigError, match="no knob 'louder'; there are busier") as found:
        turn_knobs(draw_section(model, GenerationRequest(), 2), {"louder": 1}, model.spec)
    assert found.value.field == "knobs"


def test_a_track_that_no_song_has_can_be_asked_for(model):
    density = model.prior["density"].copy()
    density[:, BASS] = 0
    lacking = replace(model, prior=model.prior.replace(density=density))
    assert lacking.usual_densities[BASS] == 0
    asked, _ = plan_new_piece(lacking, GenerationRequest(seed=1, plays={"bass": [0]}), 2, None, "full", "")
    assert np.isnan(asked["density"][0, BASS, 0])  # free
    asked.check(model.spec)

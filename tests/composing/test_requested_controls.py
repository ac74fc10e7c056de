"""What the user asks for and what is given, as controls."""

from dataclasses import replace

import numpy as np
import pytest

from musegan.composing.compose import draw_controls
from musegan.composing.forms import DRUM_FILL
from musegan.composing.request import GenerationRequest
from musegan.composing.requested_controls import (
    apply_request,
    choose_clearest_in_key,
    choose_prior_rows,
    controls_for,
    requested_key,
    requested_scale,
    with_progression,
)
from musegan.errors import ConfigError
from musegan.music.key import PITCH_CLASS_NAMES, Key, key_scores
from musegan.music.pianoroll import transpose
from musegan.music.piece import Piece
from musegan.networks.controls import LENGTH, ON_BEAT, PLAY, REST, Controls

DRUMS, KEYS, BASS = 0, 1, 2
BITS = {name: 1 << number for number, name in enumerate(PITCH_CLASS_NAMES)}
C, F, G, AM = (sum(BITS[name] for name in chord.split()) for chord in ("C E G", "F A C", "G B D", "A C E"))


def chords(model, n_bars, *bars):
    """A piece of one chord a bar in the keys, given by MIDI pitches: ``(1, track, bar, step, pitch)``."""
    roll = np.zeros((1, *model.spec.shape(n_bars)), np.uint8)
    for bar, pitches in enumerate(bars):
        for pitch in np.array(pitches, int) - model.spec.lowest_pitch:
            roll[0, KEYS, bar, 0, pitch], roll[0, KEYS, bar, 1:, pitch] = 2, 1
    return roll


C_KEYS, F_KEYS, G_KEYS, AM_KEYS = (48, 52, 55), (53, 57, 60), (55, 59, 62), (57, 60, 64)


def given_bars(model, n_bars, n_given):
    mask = np.zeros((model.spec.n_tracks, n_bars), bool)
    mask[:, :n_given] = True
    return mask


def drawn(model, n_bars, request, key):
    rows = choose_prior_rows(model, replace(request, key=key))
    return draw_controls(model, np.random.default_rng(request.seed), 1, n_bars, rows)


def by_bar(values):
    return values[0].reshape(-1, 4).tolist()


def test_chords_are_those_of_what_is_given_and_then_of_the_phrase_before(model):
    context = chords(model, 11, C_KEYS, F_KEYS, G_KEYS, AM_KEYS, C_KEYS, G_KEYS)
    controls = controls_for(model, context, given_bars(model, 11, 6), (), Key(0), GenerationRequest(seed=1))
    # bars 7 and 8 have the chords of bars 3 and 4, 9 and 10 those of 5 and 6, 11 those of 7 and so of 3
    expected = [C, F, G, AM, C, G, G, AM, C, G, G]
    assert by_bar(controls.tones) == [[tones] * 4 for tones in expected]
    assert by_bar(controls.bass) == [[root] * 4 for root in (0, 5, 7, 9, 0, 7, 7, 9, 0, 7, 7)]


def test_without_a_phrase_before_chords_are_drawn(model):
    request, n_bars = GenerationRequest(seed=4), 6
    mask = given_bars(model, n_bars, 0)
    mask[:, 3:5] = True
    context = chords(model, n_bars, (), (), (), G_KEYS, F_KEYS)
    controls = controls_for(model, context, mask, (), Key(0), request)
    own = drawn(model, n_bars, request, Key(0))
    assert by_bar(controls.tones)[:3] == by_bar(own.tones)[:3]
    assert by_bar(controls.tones)[3:5] == [[G] * 4, [F] * 4]
    assert by_bar(controls.bass)[5] == by_bar(own.bass)[5]  # a phrase before it nothing is given


def test_drums_alone_say_nothing_of_chords(model):
    request, mask = GenerationRequest(seed=2), given_bars(model, 5, 0)
    mask[DRUMS] = True
    context = chords(model, 5)
    context[0, DRUMS, :, ::4, 6] = 2
    controls = controls_for(model, context, mask, (), Key(0), request)
    own = drawn(model, 5, request, Key(0))
    assert np.array_equal(controls.tones, own.tones)
    assert np.array_equal(controls.bass, own.bass)
    assert np.array_equal(controls.key, own.key)
    assert controls.groove[0].tolist() == [1, 0, 0, 0]


def test_groove_register_density_and_key_are_taken_from_what_is_given(model):
    request, mask = GenerationRequest(seed=3), given_bars(model, 5, 0)
    mask[KEYS, :3] = mask[DRUMS, 0] = True
    context = chords(model, 5, C_KEYS, (), (50, 65))
    context[0, DRUMS, 0, [0, 1, 4, 5, 9], 6] = 2
    controls = controls_for(model, context, mask, (), Key(0), request)
    own = drawn(model, 5, request, Key(0))
    # places: drums at 0, 1, 0, 1, 1 of the beat; keys at 0 in two bars
    assert controls.groove[0].tolist() == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert controls.register[0, KEYS] == (48 + 52 + 55 + 50 + 65) / 5
    assert controls.register[0, BASS] == own.register[0, BASS]
    assert controls.density[0, KEYS].tolist() == [3, 0, 2, 2.5, 2.5]
    assert controls.density[0, DRUMS].tolist() == [5, 5, 5, 5, 5]
    assert controls.key[0, [0, 4, 7, 2, 5]].tolist() == pytest.approx([0.2] * 5)
    assert controls.key[0].sum() == pytest.approx(1)


def test_what_is_far_away_tells_the_key_but_not_how_to_play(model):
    context = chords(model, 600, AM_KEYS, *[()] * 594, C_KEYS)
    controls = controls_for(model, context, given_bars(model, 600, 596), (), Key(0), GenerationRequest(seed=1))
    assert controls.register[0, KEYS] == (48 + 52 + 55) / 3
    assert controls.density[0, KEYS, 595:].tolist() == [3] * 5
    assert by_bar(controls.tones)[599] == [C] * 4
    assert controls.key[0, [9, 0, 4, 7]].tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 3, 1 / 6])


def test_who_plays(model):
    mask = given_bars(model, 4, 2)
    context = chords(model, 4, C_KEYS)  # keys play in bar 1, rest in bar 2; drums and bass are silent
    controls = controls_for(model, context, mask, [BASS], Key(0), GenerationRequest(seed=1, rests={"keys": [3]}))
    assert controls.play[0, DRUMS].tolist() == [REST] * 4  # what is given of it is silent
    assert controls.play[0, KEYS].tolist() == [PLAY, REST, PLAY, REST]
    assert controls.play[0, BASS].tolist() == [REST, REST, PLAY, PLAY]  # it must play
    whole_track = given_bars(model, 4, 0)
    whole_track[KEYS] = True
    controls = controls_for(model, context, whole_track, (), Key(0), GenerationRequest(seed=1))
    assert (controls.play[0, [DRUMS, BASS]] == PLAY).all()


def test_density_is_a_multiple_of_what_the_song_has_or_else_of_the_usual(model):
    controls = Controls.free(1, model.spec, 3)
    controls.density[0] = [[4, 0, 6], [0, 0, 0], [1, 1, 1]]
    controls.play[0] = [[1, 1, 1], [1, 1, 1], [1, 1, -1]]
    wished = apply_request(model, controls, None, GenerationRequest(density={"drums": 0.5}))
    assert wished.density[0, DRUMS].tolist() == pytest.approx([2, 2.5, 3])  # as in its other bars where it rests
    assert wished.density[0, BASS].tolist() == [1, 1, 0]  # who rests has no notes
    found = model.prior.density[:, KEYS]
    usual = model.usual_densities[KEYS]
    assert usual == pytest.approx(found[found > 0].mean())
    assert wished.density[0, KEYS].tolist() == pytest.approx([usual] * 3)  # asked to play; it rests throughout
    assert controls.density[0, DRUMS].tolist() == [4, 0, 6]  # a copy


def test_below_temperature_1_notes_are_to_be_longer_and_more_of_them_on_beats(model):
    controls = Controls.free(1, model.spec, 3)
    controls.texture[0, :2, LENGTH], controls.texture[0, :2, ON_BEAT] = [2.0, 3.0], [0.5, 0.97]

    def asked(temperature):
        return apply_request(model, controls, None, GenerationRequest(temperature=temperature)).texture[0]

    assert asked(1.0)[:2, [LENGTH, ON_BEAT]].tolist() == controls.texture[0, :2, [LENGTH, ON_BEAT]].T.tolist()
    assert asked(0.5)[:2, LENGTH].tolist() == pytest.approx([2.3, 3.3])
    assert asked(0.5)[:2, ON_BEAT].tolist() == pytest.approx([0.55, 1.0])
    assert asked(2.0)[:2, LENGTH].tolist() == asked(3.0)[:2, LENGTH].tolist() == pytest.approx([1.4, 2.4])
    assert np.isnan(asked(0.5)[2]).all()


def test_below_temperature_1_fewer_pitch_classes_are_outside_the_key(model):
    """Each stays up to a temperature of its own; tones of chords that are asked for stay, and their bass."""
    key = Key(7)
    inside = set(key.pitch_classes)

    def found(**request):
        return requested_scale(GenerationRequest(**request), key, model.spec)

    assert found(temperature=1) is None
    assert found(temperature=1.3) is None
    assert found(temperature=1.3, snap=True) == key.pitch_classes
    at_values = [set(found(seed=3, temperature=value)) for value in (0, 0.3, 0.6, 0.9999)]
    assert at_values[0] == inside
    assert at_values[3] == set(range(12))
    assert at_values[0] <= at_values[1] <= at_values[2] <= at_values[3]
    number = [len(set(found(seed=seed, temperature=0.5))) for seed in range(200)]
    assert np.mean(number) == pytest.approx(7 + 5 / 2, abs=0.3)
    assert set(found(temperature=0, progression="G | D Eb | G/F")) == inside | {3, 5, 10}


def test_only_some_tracks(model):
    controls = Controls.free(1, model.spec, 3)
    controls.play[0] = [[1, 1, 1], [-1, 1, -1], [-1, -1, -1]]
    wished = apply_request(model, controls, ["keys", "bass"], GenerationRequest())
    assert wished.play[0].tolist() == [[-1, -1, -1], [-1, 1, -1], [1, 1, 1]]


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
    assert requested_key(model, GenerationRequest(progression=progression)) == key
    assert requested_key(model, GenerationRequest(progression=progression, key=Key(6, True))) == Key(6, True)


def test_without_key_and_progression_the_key_is_free(model):
    assert requested_key(model, GenerationRequest()) is None


def test_a_progression_is_repeated_to_the_end(model):
    controls = Controls.free(1, model.spec, 5)
    wished = with_progression(model, controls, GenerationRequest(progression="D G/B"), -2)
    c, f_over_a = C, F
    assert by_bar(wished.tones) == [[c] * 4, [f_over_a] * 4] * 2 + [[c] * 4]
    assert by_bar(wished.bass) == [[0] * 4, [9] * 4] * 2 + [[0] * 4]
    assert with_progression(model, controls, GenerationRequest(), -2) is controls


def test_a_progression_in_e_is_composed_in_c_and_comes_back(model, asked):
    in_e = model.generate(6, request=GenerationRequest(seed=5, progression="E B C#m A"))
    in_c = model.generate(6, request=GenerationRequest(seed=5, progression="C G Am F"))
    for controls in asked:
        assert by_bar(controls.tones) == [[tones] * 4 for tones in (C, G, AM, F, C, G)]
        assert by_bar(controls.bass) == [[root] * 4 for root in (0, 7, 9, 5, 0, 7)]
    assert in_e.key == Key(4)
    assert in_c.key == Key(0)
    assert np.array_equal(in_e.roll, transpose(in_c.roll, 4, model.spec))


def test_a_progression_for_given_music_moves_with_it(model, asked):
    roll = chords(model, 5, (52, 56, 59), (57, 61, 64))[0]  # E and A major
    piece = Piece(roll=roll, spec=model.spec)
    request = GenerationRequest(seed=1, key=Key(4), progression="E A | B | C#m")
    model.accompany(piece, ["keys"], request=request)
    (controls,) = asked
    assert by_bar(controls.tones) == [[C, C, F, F], [G] * 4, [AM] * 4, [C, C, F, F], [G] * 4]
    del asked[:]
    model.accompany(piece, ["keys"], request=replace(request, progression=None))
    (controls,) = asked
    assert by_bar(controls.tones)[:2] == [[C] * 4, [F] * 4]  # heard in what is given


def test_sections_that_return_have_the_controls_that_they_had(model, asked):
    model.generate(9, form="ABA", request=GenerationRequest(seed=5, progression="C F G Am"))
    assert [controls.n_bars for controls in asked] == [3, 6, 9]
    assert by_bar(asked[-1].tones) == [[tones] * 4 for tones in (C, F, G, AM, C, F, C, F, G)]
    play, density = asked[-1].play, asked[-1].density
    assert (play[:, :, 6:] == play[:, :, :3]).all()
    assert np.array_equal(density[:, :, 6:8], density[:, :, :2], equal_nan=True)
    assert density[0, DRUMS, 2] == pytest.approx(DRUM_FILL * density[0, DRUMS, 8])  # a fill


def test_the_first_excerpt_whose_chords_say_the_key_is_followed(model):
    """All in C major; the chords are those of another key, of none, and twice of C major."""

    def excerpt(register, *tones):
        free = Controls.free(1, model.spec, len(tones))
        c_major = np.array([[5, 0, 2, 0, 3, 2, 0, 4, 0, 2, 0, 1]], np.float32) / 19
        beats = np.repeat(np.array(tones, np.int16), model.spec.beats_per_bar)[None]
        return replace(free, key=c_major, tones=beats, register=np.full_like(free.register, register))

    minor, nothing = excerpt(1, AM, AM, AM, AM), excerpt(2, 0, 0, 0, 0)
    home, also = excerpt(3, C, F, G, C), excerpt(4, F, G, C, C)
    assert choose_clearest_in_key([minor, nothing, home, also], 0.1) is home
    assert choose_clearest_in_key([minor, nothing, also, home], 0.1) is also
    assert choose_clearest_in_key([minor, nothing], 0.1) is nothing  # nothing else is said, at least
    assert (
        choose_clearest_in_key([minor, home, nothing], 0.9) is home
    )  # it is not as clear, and the others are less
    assert choose_clearest_in_key([minor], 0.1) is minor
    looked_at = iter([home, minor])
    choose_clearest_in_key(looked_at, 0.1)
    assert next(looked_at) is minor  # no more are drawn than are needed


def test_a_wrong_progression_is_refused(model):
    with pytest.raises(ConfigError, match="'H' is not a chord"):
        model.generate(2, request=GenerationRequest(progression="C H"))


def test_sections_of_the_mode_and_style_that_are_wished_for(model):
    is_minor = key_scores(model.prior.key).argmax(-1) >= 12
    style = model.prior.style == model.config.model.styles.index("odd")
    assert style.any()
    assert not style.all()
    tones, bass = np.zeros_like(model.prior.tones), np.full_like(model.prior.bass, -1)
    chords = replace(model, prior=replace(model.prior, tones=tones, bass=bass))
    assert choose_prior_rows(chords, GenerationRequest()).tolist() == list(range(len(style)))
    assert choose_prior_rows(chords, GenerationRequest(style="odd")).tolist() == style.nonzero()[0].tolist()
    minor = choose_prior_rows(chords, GenerationRequest(key=Key(2, True))).tolist()
    assert minor == (is_minor.nonzero()[0].tolist() or list(range(len(style))))


def test_sections_whose_chords_are_in_another_key_are_not_followed(model):
    prior = model.prior
    tones, bass, key = np.zeros_like(prior.tones), np.full_like(prior.bass, -1), np.zeros_like(prior.key)
    key[:, [0, 4, 7]] = 1 / 3  # C major
    tones[[1, 4, 6]], bass[[1, 4, 6]] = C, 0
    tones[[0, 2, 3, 5, 7]], bass[[0, 2, 3, 5, 7]] = AM, 9
    chosen = replace(model, prior=replace(prior, tones=tones, bass=bass, key=key))
    assert choose_prior_rows(chosen, GenerationRequest()).tolist() == [1, 4, 6]
    assert choose_prior_rows(chosen, GenerationRequest(key=Key(2))).tolist() == [1, 4, 6]


def test_a_knob_leaves_free_how_the_tracks_play(model):
    controls = draw_controls(model, np.random.default_rng(0), 1, 4)
    controls.play[0, KEYS] = REST
    turned = apply_request(model, controls, None, GenerationRequest(knobs={"busier": 1}, density={"bass": 2.0}))
    assert np.isnan(turned.density[0, [DRUMS, KEYS]]).all()
    assert (turned.density[0, BASS] == 2 * model.usual_densities[BASS]).all()
    assert np.isnan(turned.texture).all()
    assert not turned.groove.any()
    assert (turned.play == controls.play).all()
    assert (turned.tones == controls.tones).all()
    as_it_is = apply_request(model, controls, None, GenerationRequest(knobs={"busier": 0}))
    assert not as_it_is.density[0, KEYS].any()
    assert np.array_equal(as_it_is.texture, controls.texture, equal_nan=True)


def test_what_is_usual_stays_the_same_for_a_track_that_no_song_has(model):
    density = model.prior.density.copy()
    density[:, BASS] = 0
    lacking = replace(model, prior=replace(model.prior, density=density))
    controls = drawn(lacking, 2, GenerationRequest(seed=1), Key(0))
    apply_request(lacking, controls, None, GenerationRequest(seed=1, plays={"bass": [0]}))
    assert lacking.usual_densities[BASS] == 0


def test_more_notes_have_another_texture(model):
    controls = draw_controls(model, np.random.default_rng(0), 1, 4)
    controls.texture[:] = 1
    wished = apply_request(model, controls, None, GenerationRequest(density={"bass": 2.0, "keys": 1.0}))
    assert np.isnan(wished.texture[0, BASS]).all()
    assert (wished.texture[0, [DRUMS, KEYS]] == 1).all()

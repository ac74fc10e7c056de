"""Every control: what it is of music counted by hand, how it moves with the music, what networks read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import TRIO, WALTZ, pieces, waltz_phrase

from musegan.errors import ConfigError
from musegan.music.cells import FREE_BAR, PLAN_KINDS
from musegan.music.control_kinds import CONTROLS, MOST_STYLES, PLAYS, RESTS
from musegan.music.controls import Controls, find_controls, register_control
from musegan.music.excerpts import Music
from musegan.music.pianoroll import transpose
from musegan.music.spec import RollSpec, TrackSpec

DRUMS, KEYS, BASS = range(3)
LOW = TRIO.lowest_pitch
BY_NAME = {item.name: item for item in CONTROLS}
MUSIC = [
    (DRUMS, 0, 0, 1, 6),
    (DRUMS, 0, 2, 1, 12),
    (DRUMS, 1, 4, 1, 6),
    (KEYS, 0, 0, 8, 30),  # C4 E4 G4 for half a bar
    (KEYS, 0, 0, 8, 34),
    (KEYS, 0, 0, 8, 37),
    (KEYS, 0, 10, 2, 30),
    (BASS, 0, 12, 12, 8),  # D2, held into the second half of the next bar
]


def measure(*rolls, n_bars=2, tempo=np.nan):
    return Controls.measure(Music.from_rolls(pieces(*rolls, n_bars=n_bars), TRIO, tempo))


def test_controls_have_names_of_their_own():
    assert len(BY_NAME) == len(CONTROLS)


def own_control(**changed):
    """The tempo as a control of a user, changed somewhere."""
    return type("Own", (type(BY_NAME["tempo"]),), {"name": "speed", **changed})()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "key"}, "'key' already"),
        ({"axes": ("track", "colour")}, r"'speed' has the axes \('track', 'colour'\); there are track, bar, beat"),
        ({"dtype": np.uint8}, "float32, int8, int16"),
    ],
)
def test_own_controls_that_cannot_be_used_are_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        register_control(own_control(**changed))
    with pytest.raises(ConfigError, match="no control 'speed'"):
        find_controls(["speed"])


def test_own_controls_go_where_the_others_go(monkeypatch):
    monkeypatch.setattr("musegan.music.controls._registered", {})
    alone = measure(MUSIC, MUSIC, tempo=90)
    register_control(own_control())
    assert [item.name for item in find_controls(["speed"])] == [*BY_NAME, "speed"]
    both = measure(MUSIC, MUSIC, tempo=90)
    assert [item.name for item in both.kinds] == [*BY_NAME, "speed"]
    assert [item.name for item in alone.kinds] == list(BY_NAME)  # of a model without it
    freed = Controls.join([both, both.pieces(slice(1))]).free(["speed"]).transpose(np.array([1, 2, 3]))
    assert np.isnan(freed["speed"]).tolist() == [True] * 3
    assert both.encode()["speed"].tolist() == both.encode()["tempo"].tolist()
    both.check(TRIO)


def test_who_plays():
    """The bass sounds in the second bar without a note that starts there."""
    play = measure(MUSIC)["play"]
    assert play[0].tolist() == [[PLAYS, PLAYS], [PLAYS, RESTS], [PLAYS, PLAYS]]


def test_density_counts_the_notes_that_start():
    assert measure(MUSIC)["density"][0].tolist() == [[2, 1], [4, 0], [1, 0]]


def test_register_is_the_mean_pitch_of_pitched_tracks():
    register = measure(MUSIC, [])["register"]
    assert np.isnan(register[:, DRUMS]).all()
    assert register[0, [KEYS, BASS]].tolist() == [LOW + (30 + 34 + 37 + 30) / 4, LOW + 8]
    assert np.isnan(register[1]).all()


def test_texture():
    """Keys: four notes at two places; lengths 8, 8, 8 and 2; three of four on a beat, one half-way."""
    texture = measure(MUSIC)["texture"]
    octaves = np.array([30, 34, 37, 30]) / 12
    wanted = [1, np.log2(26 / 4), np.sqrt(octaves.var() + 0.02), 0.75, 0.25]
    np.testing.assert_allclose(texture[0, KEYS], wanted, rtol=1e-5)
    np.testing.assert_allclose(texture[0, DRUMS], [0, 0, 0, 2 / 3, 1 / 3], atol=1e-6)
    assert np.isnan(measure([])["texture"][0, KEYS:]).all()


def test_key_is_the_share_of_the_sounding_time():
    """C sounds 10 steps, E 8, G 8, D 12; drums do not count."""
    key = measure(MUSIC)["key"][0] * 38
    assert np.round(key, 3).tolist() == [10, 0, 12, 0, 8, 0, 0, 8, 0, 0, 0, 0]


def test_chords_are_told_by_beat():
    chords = measure(MUSIC)["chords"][0]
    assert chords[:2].tolist() == [[1 | 1 << 4 | 1 << 7, 0]] * 2
    assert chords[2:4, 1].tolist() == [2, 2]  # the bass is lower than the keys
    assert chords[6:].tolist() == [[0, -1]] * 2


def test_groove_counts_places_and_not_notes():
    """Drums 0, 2 and 0; keys 0 and 2; bass 0."""
    assert measure(MUSIC)["groove"][0] == pytest.approx([4 / 6, 0, 2 / 6, 0])
    found = Controls.measure(Music.from_rolls(waltz_phrase(), WALTZ))["groove"][0]
    assert found == pytest.approx([3 / 8, 1 / 8, 0, 4 / 8, 0, 0])


def test_repetition_style_and_tempo():
    controls = measure([(BASS, 0, 3, 2, 5), (BASS, 1, 3, 2, 5)], [], tempo=97)
    assert controls["repetition"][0, BASS].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert controls["style"].tolist() == [-1, -1]
    assert controls["tempo"].tolist() == [97, 97]
    assert np.isnan(measure([])["tempo"]).all()


def test_kit_is_what_drums_strike():
    kit = measure(MUSIC, [(KEYS, 0, 0, 1, 3)])["kit"]
    assert np.argwhere(kit).tolist() == [[0, DRUMS, 6], [0, DRUMS, 12]]


rolls = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 15), st.integers(1, 20), st.integers(11, 28)),
    max_size=12,
)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "chords"])
@given(notes=rolls, semitones=st.integers(-11, 11))
@settings(max_examples=25, deadline=None)
def test_moving_the_music_is_moving_its_controls(name, notes, semitones):
    roll = pieces([note for note in notes if note[4] + semitones < 40], [], n_bars=3)
    moved = np.stack([transpose(roll[0], semitones, TRIO), roll[1]])
    before, after = (Controls.measure(Music.from_rolls(music, TRIO, 90)) for music in (roll, moved))
    wanted = before.transpose(np.array([semitones, 0]))[name]
    assert wanted.dtype == after[name].dtype == BY_NAME[name].dtype
    np.testing.assert_allclose(after[name], wanted, atol=1e-4)


@pytest.mark.parametrize("semitones", [-6, -1, 1, 2])
def test_moving_the_music_is_moving_its_chords(semitones):
    roll = pieces(MUSIC)
    after = Controls.measure(Music.from_rolls(transpose(roll, semitones, TRIO), TRIO))["chords"]
    assert (after == measure(MUSIC).transpose(np.array([semitones]))["chords"]).all()


@pytest.mark.parametrize("item", CONTROLS, ids=lambda item: item.name)
def test_networks_read_as_many_features_as_a_control_has(item):
    controls = measure(MUSIC, [], n_bars=2)
    for some in (controls, controls.free([item.name]), controls.blur(np.random.default_rng(0))):
        features = some.encode()[item.name]
        shape = some[item.name].shape[: 1 + sum(axis in ("track", "bar", "beat") for axis in item.axes)]
        assert features.shape == (*shape, item.n_features(TRIO))
        assert features.dtype == np.float32
        assert np.isfinite(features).all()


@pytest.mark.parametrize("item", CONTROLS, ids=lambda item: item.name)
def test_a_free_control_says_the_same_of_every_piece(item):
    controls = measure(MUSIC, [(BASS, 1, 3, 1, 4), (DRUMS, 0, 5, 1, 9)], tempo=50)
    free = controls.free([item.name])
    assert (free.encode()[item.name][0] == free.encode()[item.name][1]).all()
    free.check(TRIO)
    for other in CONTROLS:
        same = np.array_equal(free[other.name], controls[other.name], equal_nan=other.dtype == np.float32)
        assert same == (other is not item) or item.name == "style"


def test_some_pieces_and_some_tracks_are_freed_alone():
    controls = measure(MUSIC, MUSIC)
    one = controls.free(["density", "key"], np.array([False, True]))
    assert not np.isnan(one["density"][0]).any()
    assert np.isnan(one["density"][1]).all()
    assert one["key"].any(1).tolist() == [True, False]
    tracks = controls.free(["repetition", "register"], np.array([[True, False, False], [False, False, True]]))
    assert (tracks["repetition"] == FREE_BAR).all((2, 3)).tolist() == [[True, False, False], [False, False, True]]
    assert np.isnan(tracks["register"]).tolist() == [[True, False, False], [True, False, True]]


def test_a_blur_is_small_keeps_what_is_free_and_what_is_exact():
    controls = measure(MUSIC, tempo=120)
    blurred = controls.blur(np.random.default_rng(3))
    for name in ("play", "chords", "repetition", "style"):
        assert (blurred[name] == controls[name]).all()
    for name in ("register", "texture"):
        assert (np.isnan(blurred[name]) == np.isnan(controls[name])).all()
    assert blurred["tempo"][0] == pytest.approx(120, rel=0.5)
    assert blurred["tempo"][0] != 120
    for name in ("key", "groove"):
        assert blurred[name].sum() == pytest.approx(1)
        assert not blurred[name][controls[name] == 0].any()
    for item in CONTROLS:
        freed = controls.free([item.name])
        again = freed.blur(np.random.default_rng(4))[item.name]
        assert np.array_equal(again, freed[item.name], equal_nan=item.dtype == np.float32)


def test_bars_and_pieces_are_picked_in_any_order():
    controls = measure(MUSIC, [(KEYS, 1, 0, 1, 2)])
    found = controls.bars(np.array([1, 0, 1]))
    assert found.n_bars == 3
    assert found["density"][0].tolist() == [[1, 2, 1], [0, 4, 0], [0, 1, 0]]
    assert found["chords"][0, :, 1].tolist() == [2, 2, -1, -1, 0, 0, 2, 2, 2, 2, -1, -1]
    assert found["register"].shape == controls["register"].shape
    assert found["repetition"].shape == (2, 3, 3, len(PLAN_KINDS))
    found.check(TRIO)
    swapped = Controls.join([controls.pieces(slice(1, 2)), controls.pieces(np.array([0]))])
    assert swapped["density"][1].tolist() == controls["density"][0].tolist()
    assert (swapped.n_pieces, swapped.n_bars) == (2, 2)


@pytest.mark.parametrize("item", CONTROLS, ids=lambda item: item.name)
def test_other_shapes_and_values_are_found(item):
    controls = measure(MUSIC, tempo=90)
    controls.check(TRIO)
    values = controls[item.name]
    for wrong, message in (
        (values[..., None], "has shape"),
        (np.full_like(values, item.limits[1] + 1), "outside"),
        (np.full_like(values, item.limits[0] - 1), "outside"),
    ):
        if item.name == "play" and message == "has shape":
            continue  # it is what the others are compared with
        with pytest.raises(ValueError, match=f"{item.name} has .*{message.removeprefix('has ')}"):
            controls.replace(**{item.name: wrong}).check(TRIO)


def test_drums_alone_and_silence_are_music():
    """Nothing pitched: no register, no texture, no key, no chord."""
    spec = RollSpec(
        tracks=(TrackSpec(name="kit", program=0, is_drum=True),), steps_per_beat=4, lowest_pitch=30, n_pitches=40
    )
    controls = Controls.measure(Music.from_rolls(pieces(MUSIC)[:, :1], spec))
    controls.check(spec)
    assert np.isnan(controls["register"]).all()
    assert not controls["key"].any()
    Controls.measure(Music.from_rolls(pieces([]), TRIO)).check(TRIO)


def test_there_is_room_for_some_styles():
    features = BY_NAME["style"].encode(np.array([-1, 0, MOST_STYLES - 1]))
    assert features.sum(-1).tolist() == [0, 1, 1]
    assert features[2, -1]

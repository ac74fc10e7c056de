"""What the axes mean."""

import pytest
from songs import TRIO

from musegan.errors import ConfigError
from musegan.music.spec import BAND, CHORALE, ENSEMBLES, RollSpec, TrackSpec, load_ensemble


def test_every_program_of_the_band_has_one_track_or_none():
    def programs_of(name):
        return set(BAND.tracks[BAND.track_index(name)].programs)

    assert BAND.track_names == ("drums", "bass", "guitar", "piano", "strings", "lead")
    assert BAND.is_drum == (True, False, False, False, False, False)
    assert [track.is_melody for track in BAND.tracks] == [False] * 5 + [True]
    assert BAND.shape(3) == (6, 3, 48, 84)
    assert programs_of("piano") == {*range(16)}  # with chromatic percussion
    assert programs_of("guitar") == {*range(24, 32)}
    assert programs_of("bass") == {*range(32, 40)}
    assert programs_of("strings") == {*range(16, 24), *range(40, 56), *range(88, 96)}  # with organs and pads
    assert programs_of("lead") == {*range(56, 88), 104, 105, 106, 107, 110, 111}
    assert all(track.program in track.programs for track in BAND.tracks if not track.is_drum)
    assert all(BAND.lowest_pitch <= track.lowest_pitch < track.highest_pitch < 108 for track in BAND.tracks)


def test_sizes():
    assert (TRIO.n_tracks, TRIO.steps_per_bar, TRIO.n_pitches) == (3, 16, 40)
    assert TRIO.shape(7) == (3, 7, 16, 40)
    assert CHORALE.shape(2) == (4, 2, 16, 84)
    assert CHORALE.beats_per_chord == 1


def test_track_index_ignores_case_and_names_the_tracks():
    assert TRIO.track_index(" Bass ") == 2
    with pytest.raises(ConfigError, match="no track 'flute'; the ensemble has drums, keys, bass"):
        TRIO.track_index("flute")


@pytest.mark.parametrize(
    "change",
    [
        {"tracks": ()},
        {"tracks": TRIO.tracks * 2},
        {"tracks": tuple(TrackSpec(name=str(i), program=0) for i in range(65))},
        {"steps_per_beat": 0},
        {"beats_per_bar": 33},
        {"lowest_pitch": 100, "n_pitches": 29},
        {"n_pitches": 0},
    ],
)
def test_impossible_specs(change):
    with pytest.raises(ConfigError):
        RollSpec(**{**{"tracks": TRIO.tracks}, **change})


@pytest.mark.parametrize("change", [{"name": ""}, {"program": 128}, {"programs": (5, -1)}])
def test_impossible_tracks(change):
    with pytest.raises(ConfigError):
        TrackSpec(**{"name": "x", "program": 0, **change})


def test_dict_and_back():
    assert RollSpec.from_dict(BAND.to_dict()) == BAND
    with pytest.raises(ConfigError, match="colour"):
        RollSpec.from_dict({**BAND.to_dict(), "colour": "red"})
    with pytest.raises(ConfigError, match=r"ensemble\.tracks is missing"):
        RollSpec.from_dict({"steps_per_beat": 4})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps_per_beat": "4"}, r"^ensemble\.steps_per_beat is '4'; it must be a whole number"),
        ({"steps_per_beat": 4.0}, r"steps_per_beat is 4\.0; it must be a whole number"),
        ({"one_part_a_track": 1}, "one_part_a_track is 1; it must be true or false"),
        ({"tracks": {"name": "flute"}}, r"tracks is .*; it must be a list, each a table"),
        ({"tracks": ["flute"]}, r"tracks\[0\] is 'flute'; it must be a table"),
        ({"tracks": [{"name": "flute"}]}, r"tracks\[0\]\.program is missing"),
        ({"tracks": [{"name": 3, "program": 73}]}, r"tracks\[0\]\.name is 3; it must be a text"),
        ({"tracks": [{"name": "flute", "program": True}]}, r"program is True; it must be a whole number"),
        (
            {"tracks": [{"name": "a", "program": 1, "programs": [1, "2"]}]},
            r"programs\[1\] is '2'; it must be a whole number",
        ),
        (
            {"tracks": [{"name": "a", "program": 1, "part_names": "alto"}]},
            "part_names is 'alto'; it must be a list, each a text",
        ),
    ],
)
def test_values_of_other_types(change, told):
    with pytest.raises(ConfigError, match=told):
        RollSpec.from_dict({**TRIO.to_dict(), **change})


def test_a_description_that_is_no_table():
    with pytest.raises(ConfigError, match="ensemble is None; it must be a table"):
        RollSpec.from_dict(None)


def test_a_mismatch_names_both_sides():
    other = RollSpec(tracks=TRIO.tracks, steps_per_beat=12, lowest_pitch=30, n_pitches=40)
    with pytest.raises(
        ConfigError, match=r"a\.npz and model m do not fit: steps_per_beat is 4 in a\.npz and 12 in model m"
    ):
        TRIO.require_same(other, "a.npz", "model m")
    TRIO.require_same(RollSpec.from_dict(TRIO.to_dict()), "a", "b")


def test_ensembles_by_name_and_file(tmp_path):
    assert all(load_ensemble(name) is spec for name, spec in ENSEMBLES.items())
    path = tmp_path / "waltz.toml"
    path.write_text(
        "steps_per_beat = 6\nbeats_per_bar = 3\n[[tracks]]\nname = 'melody'\nprogram = 73\nprograms = [73, 40]\n"
        "[[tracks]]\nname = 'kit'\nprogram = 0\nis_drum = true\n"
    )
    spec = load_ensemble(str(path))
    assert spec.shape(5) == (2, 5, 18, 84)
    assert spec.tracks[0].programs == (73, 40)
    assert spec.is_drum == (False, True)
    with pytest.raises(ConfigError, match="no ensemble 'orchestra'"):
        load_ensemble("orchestra")
    path.write_text("steps_per_beat = = 6")
    with pytest.raises(ConfigError, match=r"waltz\.toml is no ensemble: the text is not valid TOML"):
        load_ensemble(str(path))
    path.write_text("steps_per_bar = 6\ntracks = []")
    with pytest.raises(ConfigError, match=r"waltz\.toml.*no ensemble\.steps_per_bar; did you mean"):
        load_ensemble(str(path))
    for text, says in (
        ("tracks = 3", r"ensemble\.tracks is 3; it must be a list"),
        ("tracks = [7]", r"ensemble\.tracks\[0\] is 7; it must be a table"),
        ("[[tracks]]\nname = 'a'", r"ensemble\.tracks\[0\]\.program is missing"),
        ("[[tracks]]\nname = 'a'\nprogram = '5'", r"tracks\[0\]\.program is '5'; it must be a whole number"),
        ("[[tracks]]\nname = 1979-05-27\nprogram = 5", r"tracks\[0\]\.name is .*; it must be a text"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=says):
            load_ensemble(str(path))

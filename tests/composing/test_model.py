"""What one can ask of a model."""

from dataclasses import replace

import numpy as np
import pytest
from songs import pieces

import musegan
from musegan.composing import composition as module
from musegan.composing.attribution import measure_nats
from musegan.composing.model import load_model
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError, ModelError, MuseganError
from musegan.music.key import Key
from musegan.music.pianoroll import ONSET, drop_orphan_holds
from musegan.music.piece import Piece

DRUMS, KEYS, BASS = range(3)


def request(**values):
    return GenerationRequest(**{"passes": 3, **values})


@pytest.mark.parametrize("n_bars", [1, 2, 5, 8, 33])
def test_pieces_of_any_length(model, n_bars):
    piece = model.generate(n_bars, request=request(seed=4))
    assert piece.roll.shape == model.spec.shape(n_bars)
    assert piece.roll.any()
    assert (drop_orphan_holds(piece.roll, model.spec) == piece.roll).all()
    assert (piece.roll == model.generate(n_bars, request=request(seed=4)).roll).all()
    assert [bar for bar, _ in piece.sections] == list(range(0, n_bars, model.phrase_bars))


def test_another_seed_is_another_piece(model):
    assert (model.generate(4, seed=1).roll != model.generate(4, seed=2).roll).any()
    assert (model.generate(4, seed=1).roll == model.generate(4, request=GenerationRequest(seed=1)).roll).all()


@pytest.mark.parametrize("changes", [{"temperature": 0}, {"temperature": 1.7}, {"passes": 1}, {"repetition": 3}])
def test_how_cells_are_drawn_can_be_asked_for(model, changes):
    usual, other = (model.generate(4, request=request(seed=1, **some)) for some in ({}, changes))
    assert (usual.roll != other.roll).any()


def test_only_the_named_tracks_play(model):
    piece = model.generate(6, tracks=["bass", "Drums"], request=request(seed=1))
    assert piece.roll.any((1, 2, 3)).tolist() == [True, False, True]


def test_who_rests_and_who_plays_when(model):
    """Whatever a section of a real song does."""
    own = request(seed=1, rests={"drums": [1, 2], "keys": [5]}, plays={"bass": [4], "drums": [2]})
    piece = model.generate(6, request=own, arrangement="natural")
    assert not piece.roll[DRUMS, 1:3].any()
    assert not piece.roll[KEYS, 5].any()
    assert piece.roll[DRUMS, 0].any()


def test_density_0_is_silence_and_more_is_asked_for_as_more(model, asked):
    piece = model.generate(5, request=request(seed=1, density={"keys": 0, "bass": 2.0}))
    usual = model.generate(5, request=request(seed=1))
    assert piece.roll.any((1, 2, 3)).tolist() == [True, False, True]
    assert usual.roll[KEYS].any()
    assert asked[0]["density"][0, BASS].tolist() == (2 * asked[1]["density"][0, BASS]).tolist()


def test_the_key_that_is_asked_for_is_that_of_the_controls_and_of_the_piece(model, asked):
    c, d = (model.generate(4, request=request(seed=2, key=Key(tonic))) for tonic in (0, 2))
    assert (c.key, d.key) == (Key(0), Key(2))
    assert (asked[1]["key"] == np.roll(asked[0]["key"], 2, axis=1)).all()


def test_a_free_piece_says_the_key_that_is_heard(model):
    from musegan.music.key import estimate_key
    from musegan.music.pianoroll import sounding_shares

    for seed in range(4):
        piece = model.generate(4, request=request(seed=seed))
        assert piece.key == estimate_key(sounding_shares(piece.roll, piece.spec))


def test_snap_leaves_only_the_scale(model):
    key = Key(9, True)
    piece = model.generate(4, request=request(seed=2, key=key, snap=True))
    pitches = model.spec.lowest_pitch + np.flatnonzero(piece.roll[1:].any((0, 1, 2)))
    assert set((pitches % 12).tolist()) <= set(key.pitch_classes)
    free = model.generate(4, request=request(seed=2, key=key))
    assert (free.roll[DRUMS] == piece.roll[DRUMS]).all()
    assert (free.roll != piece.roll).any()


def test_what_is_given_is_not_snapped(model):
    roll = pieces([(KEYS, bar, 0, 4, pitch) for bar, pitch in ((0, 30), (1, 31), (2, 33), (3, 36))], n_bars=4)[0]
    own = Piece(roll=roll, spec=model.spec)
    out = model.accompany(own, ["keys"], request=request(snap=True, key=Key(0)))
    assert (out.roll[KEYS] == roll[KEYS]).all()
    pitches = model.spec.lowest_pitch + np.flatnonzero(out.roll[BASS].any((0, 1)))
    assert set((pitches % 12).tolist()) <= set(Key(0).pitch_classes)


def test_a_tempo_is_that_of_the_user_or_of_a_real_song(model):
    assert model.generate(1, request=request(tempo_qpm=71.5)).tempo_qpm == 71.5
    assert model.generate(1, request=request()).tempo_qpm == 120  # as all songs of the corpus have


def test_a_section_that_returns_has_the_same_notes_but_for_a_share_of_cells(model):
    exact = model.generate(12, form="ABA", repeat_change=0, request=request(seed=3))
    starts = exact.roll == ONSET
    assert starts[:, :4].any()
    assert (starts[:, :4] == starts[:, 8:]).all()
    assert (starts[:, :4] != starts[:, 4:8]).any()
    varied = model.generate(12, form="ABA", repeat_change=0.25, request=request(seed=3)).roll == ONSET
    is_same = (varied[:, :4] == varied[:, 8:]).all((2, 3))
    assert is_same[:, :3].all()  # of 12 cells the 3 of the last bar are new
    assert not is_same[:, 3].all()
    assert exact.sections == ((0, "A"), (4, "B"), (8, "A"))


@pytest.mark.parametrize("change", [-0.1, 1.5, float("nan")])
def test_shares_that_are_none(model, change):
    with pytest.raises(ConfigError, match="a share, 0 to 1") as found:
        model.generate(8, form="AB", repeat_change=change)
    assert found.value.field == "repeat_change"


def test_a_loop_changes_the_end_only(model):
    plain, loop = (model.generate(8, request=request(seed=5), loop=value) for value in (False, True))
    assert (plain.roll[:, :7] == loop.roll[:, :7]).all()
    assert (plain.roll[:, 7] != loop.roll[:, 7]).any()
    one = model.generate(1, request=request(seed=5), loop=True)
    assert (one.roll == model.generate(1, request=request(seed=5)).roll).all()


def test_an_ending_is_the_tonic_held(model):
    piece = model.generate(4, request=request(seed=1, key=Key(7)), ending=True)
    heard = np.flatnonzero(piece.roll[1:, -1].any((0, 1))) + model.spec.lowest_pitch
    assert set((heard % 12).tolist()) <= {7, 11, 2}
    assert (piece.roll[1:, -1, 1:] != ONSET).all()
    plain = model.generate(4, request=request(seed=1, key=Key(7)))
    assert (piece.roll[:, :3] == plain.roll[:, :3]).all()


def test_of_several_drafts_the_likeliest_is_kept(model, monkeypatch):
    drafts, controls, original = [], [], module.compose_rolls

    def spy(model, given, mask, asked, *rest):
        controls.append(asked)
        drafts.append(original(model, given, mask, asked, *rest))
        return drafts[-1]

    monkeypatch.setattr(module, "compose_rolls", spy)
    own = request(seed=5, best_of=6)
    kept = model.generate(4, request=own)
    nats = [measure_nats(model, *pair)[0].sum() for pair in zip(drafts, controls, strict=True)]
    assert len(np.unique(nats)) == 6
    assert (kept.roll == drafts[int(np.argmin(nats))][0]).all()
    assert (drafts[0][0] == model.generate(4, request=request(seed=5)).roll).all()
    assert (kept.roll == model.generate(4, request=own).roll).all()


def test_accompanying_keeps_tracks(model, song):
    out = model.accompany(song, ["keys"], request=request(seed=1))
    assert (out.roll[KEYS] == song.roll[KEYS]).all()
    assert (out.roll[[DRUMS, BASS]] != song.roll[[DRUMS, BASS]]).any()
    assert out.roll.any((1, 2, 3)).all()
    assert out.given.tolist() == [[False] * 6, [True] * 6, [False] * 6]
    assert out.tempo_qpm == 97
    assert model.accompany(song, ["keys"], request=request(tempo_qpm=80)).tempo_qpm == 80
    for keep in ([], ["drums", "keys", "bass"]):
        with pytest.raises(ConfigError, match="keep some"):
            model.accompany(song, keep)


def test_only_the_tracks_that_are_asked_for_are_composed_and_come_in_as_arranged(model, song):
    out = model.accompany(song, ["keys"], tracks=["bass"], request=request(seed=1))
    assert (out.roll[KEYS] == song.roll[KEYS]).all()
    assert out.roll.any((1, 2, 3)).tolist() == [False, True, True]
    built = model.accompany(song, ["keys"], arrangement="build", request=request(seed=1))
    sounds = built.roll.any((2, 3))
    assert not sounds[DRUMS, 0]  # after the chords and the bass
    assert sounds[DRUMS, -2:].any()
    for tracks in (["keys"], []):
        with pytest.raises(ConfigError, match="cannot be kept and composed"):
            model.accompany(song, ["keys"], tracks=tracks)


def test_keeping_a_silent_track_is_refused(model, song):
    roll = song.roll.copy()
    roll[KEYS] = 0
    with pytest.raises(ConfigError, match="notes for drums, bass") as found:
        model.accompany(replace(song, roll=roll), ["keys"])
    assert found.value.field == "track_map"


def test_continuing_goes_on_where_the_music_ends(model, song):
    silence = np.zeros(model.spec.shape(2), np.uint8)
    longer = replace(song, roll=np.concatenate([song.roll, silence], axis=1))
    alone, out = (model.continue_(piece, 3, request=request(seed=1)) for piece in (song, longer))
    assert out.n_bars == alone.n_bars == 9
    assert (out.roll[:, :6] == song.roll).all()
    assert out.roll[:, 6:].any((0, 2, 3)).all()
    assert (out.given == alone.given).all()
    assert (out.roll == alone.roll).all()
    assert not model.continue_(longer, 1, request=request()).roll[:, 7:].any()
    later = model.continue_(longer, 3, at=8, request=request())
    assert (later.n_bars, later.sections) == (11, ((8, "continued"),))
    with pytest.raises(ConfigError, match="8 bars"):
        model.continue_(longer, 3, at=9)


def test_infilling_keeps_everything_else(model, song):
    out = model.infill(song, range(2, 4), ["bass"], request=request(seed=1))
    changed = (out.roll != song.roll).any((2, 3))
    assert changed[BASS, 2:4].any()
    changed[BASS, 2:4] = False
    assert not changed.any()
    assert (~out.given).sum() == 2
    for bars, message in ((range(5, 7), "bar 7 is not in the piece, which has the bars 1-6"), ([], "no bars")):
        with pytest.raises(ConfigError, match=message):
            model.infill(song, bars)


def test_a_track_that_is_named_plays_though_it_was_silent(model, song):
    roll = song.roll.copy()
    roll[BASS] = 0
    silent = replace(song, roll=roll)
    assert model.infill(silent, [1, 2], ["bass"], request=request()).roll[BASS, 1:3].any()
    assert not model.infill(silent, [1, 2], request=request()).roll[BASS].any()


def test_varying_changes_its_share(model, song):
    out = model.vary(song, 0.5, request=request(seed=1))
    assert (~out.given).sum() == 9
    assert (out.roll[out.given] == song.roll[out.given]).all()
    tracks = model.vary(song, 0.5, ["keys"], request=request(seed=1))
    assert (~tracks.given).sum(1).tolist() == [0, 3, 0]
    for amount in (0, 1.1):
        with pytest.raises(ConfigError, match="changes nothing"):
            model.vary(song, amount)


def test_what_is_locked_does_not_vary(model, song):
    among = np.zeros((3, 6), bool)
    among[KEYS, 1:] = among[DRUMS, 4] = True
    out = model.vary(song, 1, among=among, request=request(seed=1))
    assert (out.given == ~among).all()
    some = model.vary(song, 1, ["drums", "bass"], among=among, request=request(seed=1))
    assert np.argwhere(~some.given).tolist() == [[DRUMS, 4]]
    with pytest.raises(ConfigError, match="every bar that could vary is kept; free some"):
        model.vary(song, 1, ["bass"], among=among)


def test_the_way_from_one_piece_to_another_has_both_at_its_ends(model, song):
    other = model.generate(6, request=request(seed=9, key=Key(6)))
    way = model.interpolate(song, other, 5, request=request())
    assert (way[0].roll == song.roll).all()
    assert (way[-1].roll == other.roll).all()
    near_a = [(piece.roll == song.roll).all((2, 3)).sum() for piece in way]
    near_b = [(piece.roll == other.roll).all((2, 3)).sum() for piece in way]
    assert near_a[0] > near_a[1] >= near_a[2] >= near_a[-1]
    assert near_b[-1] > near_b[-2] >= near_b[2] >= near_b[0]
    assert [piece.tempo_qpm for piece in way] == np.linspace(97, other.tempo_qpm, 5).tolist()
    short = model.interpolate(song, other.cut(0, 2), 2, request=request())
    assert [piece.n_bars for piece in short] == [2, 2]


def test_the_way_from_one_seed_to_another_begins_and_ends_with_what_they_give(model):
    way = model.interpolate(1, 2, 3, n_bars=5, request=request())
    for piece, seed in ((way[0], 1), (way[2], 2)):
        alone = model.generate(5, request=request(seed=seed))
        assert (piece.roll == alone.roll).all()
        assert (piece.key, piece.seed) == (alone.key, seed)
    assert (way[1].roll != way[0].roll).any()
    assert (way[1].roll != way[2].roll).any()


def test_ways_that_lead_nowhere(model, song):
    with pytest.raises(ConfigError, match="two seeds or between two pieces"):
        model.interpolate(song, 2)
    with pytest.raises(ConfigError, match="2 or more pieces, not 1"):
        model.interpolate(1, 2, 1)
    long = replace(song, roll=np.zeros(model.spec.shape(513), np.uint8), given=None)
    with pytest.raises(MuseganError, match="513 bars cannot"):
        model.interpolate(long, long)


def test_more_bars_than_can_be_composed_at_once_are_refused_and_few_of_them_are_not(model, song):
    long = replace(song, roll=np.tile(song.roll, (1, 87, 1, 1))[:, :520])
    with pytest.raises(MuseganError, match="520 bars would be composed and 512 can"):
        model.accompany(long, ["keys"])
    filled = model.infill(long, [3, 515], request=request())
    assert (filled.roll[:, 4:515] == long.roll[:, 4:515]).all()
    assert filled.given[:, [3, 515]].sum() == 0


def test_a_key_of_the_users_material_is_estimated_and_kept(model, song):
    assert model.accompany(song, ["keys"], request=request()).key is not None
    assert model.accompany(song, ["keys"], request=request(key=Key(6))).key == Key(6)


def test_many_pieces_at_once_are_those_that_are_composed_one_by_one(model):
    requests = [request(seed=seed, tempo_qpm=90 + seed, knobs={"busier": seed / 8}) for seed in (3, 8, 5)]
    found = model.generate_many(requests, 7)
    for own, piece in zip(requests, found, strict=True):
        alone = model.generate(7, request=own)
        assert (piece.key, piece.sections, piece.tempo_qpm) == (alone.key, alone.sections, alone.tempo_qpm)
        assert (piece.roll == alone.roll).all()
    assert model.generate_many([], 7) == []
    with pytest.raises(MuseganError, match="0 bars"):
        model.generate_many(requests, 0)


def test_many_pieces_have_each_its_own_settings(model):
    """The second and the last are composed together, and come back in order."""
    warm, quick = request(seed=4, temperature=1.6, passes=2), request(seed=6, passes=1, repetition=2)
    requests = [warm, request(seed=5), quick, replace(request(seed=4), temperature=0.4), request(seed=7)]
    for own, piece in zip(requests, model.generate_many(requests, 7), strict=True):
        assert (piece.roll == model.generate(7, request=own).roll).all()


def test_many_pieces_keep_each_what_is_given_of_it(model, song):
    masks = [np.random.default_rng(seed).random((3, 6)) < 0.5 for seed in range(4)]
    found = model.fill_many([song] * 4, masks, [request(seed=seed) for seed in range(4)])
    for mask, piece in zip(masks, found, strict=True):
        assert (piece.roll[mask] == song.roll[mask]).all()
        assert (piece.given == mask).all()
    assert not all((piece.roll == found[0].roll).all() for piece in found)


def test_styles_without_enough_songs_are_not_offered(model):
    assert set(model.offered_styles) == {"odd"}
    silent = replace(model, prior=model.prior.free(["style"]))
    assert not silent.offered_styles
    with pytest.raises(ConfigError, match="there is no style 'odd'"):
        silent.generate(1, request=request(style="odd"))


def test_models_are_found_or_named(model_path, tmp_path):
    assert musegan.load_model(model_path).spec.track_names == ("drums", "keys", "bass")
    with pytest.raises(ModelError, match="no model"):
        load_model("nothing-of-that-name")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(model_path.read_bytes()[:500])
    with pytest.raises(ModelError, match="damaged"):
        load_model(broken)
    with pytest.raises(MuseganError, match=r"cuda:99.* try cpu"):
        load_model(model_path, "cuda:99")


@pytest.mark.parametrize(
    ("options", "own", "message"),
    [
        ({"tracks": ["tuba"]}, {}, "drums, keys, bass"),
        ({}, {"style": "polka"}, "odd"),
        ({"n_bars": 513}, {}, "1 to 512"),
        ({"n_bars": 0}, {}, "1 to 512"),
        ({"n_bars": 4.5}, {}, "1 to 512"),
        ({"arrangement": "big"}, {}, "full, natural, song, build"),
        ({}, {"knobs": {"louder": 1}}, "no knob 'louder'; there are busier"),
        ({}, {"rests": {"drums": [8]}}, "drums cannot rest in bar 9: the piece has 8 bars"),
        ({}, {"plays": {"bass": [9]}}, "bass cannot play in bar 10"),
        ({}, {"density": {"tuba": 1.0}}, "tuba"),
        ({}, {"progression": "C H"}, "'H' is not a chord"),
    ],
)
def test_wrong_words_are_refused_with_the_right_ones(model, options, own, message):
    with pytest.raises(ConfigError, match=message):
        model.generate(**options, request=request(**own))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", "hot"),
        ("passes", 0),
        ("passes", 257),
        ("best_of", 0),
        ("repetition", 5),
        ("key", "Dm"),
        ("snap", 1),
        ("density", {"drums": -1}),
        ("density", 2.0),
        ("rests", {"drums": [-1]}),
        ("knobs", {"busier": 9}),
        ("tempo_qpm", "fast"),
        ("tempo_qpm", 0),
        ("progression", 3),
    ],
)
def test_wrong_values_name_their_field(field, value):
    with pytest.raises(ConfigError) as found:
        GenerationRequest(**{field: value})
    assert found.value.field == field


def test_a_piece_of_another_ensemble_is_refused(model, song):
    spec = replace(model.spec, lowest_pitch=31)
    for verb in (model.continue_, model.vary, model.explain):
        with pytest.raises(ConfigError, match="lowest_pitch is 30 in the model and 31 in the piece"):
            verb(Piece(roll=song.roll, spec=spec))


def test_a_model_is_told_in_a_line(model):
    assert repr(model).startswith("Model(drums, keys, bass; windows of 4 bars; ")
    assert len(repr(model)) < 120

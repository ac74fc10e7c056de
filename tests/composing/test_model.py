from dataclasses import replace

import numpy as np
import pytest

import musegan
from musegan.composing import compose as compose_module
from musegan.composing.compose import compose_window
from musegan.composing.forms import measure_seam_likeness
from musegan.composing.model import load_model
from musegan.composing.request import GenerationRequest
from musegan.composing.requested_controls import draw_key
from musegan.errors import ConfigError, ModelError, MuseganError
from musegan.music.key import Key
from musegan.music.pianoroll import ONSET, drop_orphan_holds, transpose


@pytest.fixture(scope="module")
def song(model, dataset):
    from musegan.music.piece import Piece

    roll = drop_orphan_holds(dataset.rolls(np.array([0]), 6)[0], dataset.spec)
    return Piece(roll=transpose(roll, 2, dataset.spec), spec=dataset.spec, tempo_qpm=97)


@pytest.mark.parametrize("n_bars", [1, 2, 5, 8, 33])
def test_generate_any_length(model, n_bars):
    piece = model.generate(n_bars, seed=4)
    assert piece.roll.shape == model.spec.shape(n_bars)
    assert (drop_orphan_holds(piece.roll, model.spec) == piece.roll).all()
    assert (piece.roll == model.generate(n_bars, seed=4).roll).all()


def test_only_the_asked_tracks_play(model):
    piece = model.generate(6, tracks=["bass", "Drums"], seed=1)
    assert piece.roll.any((1, 2, 3)).tolist() == [True, False, True]


def test_rests(model):
    piece = model.generate(6, request=GenerationRequest(seed=1, rests={"drums": [1, 2]}))
    assert not piece.roll[0, 1:3].any()
    assert piece.roll[0, 0].any()


def test_key_transposes_what_the_seed_composes(model):
    c = model.generate(4, request=GenerationRequest(seed=2, key=Key(0)))
    d = model.generate(4, request=GenerationRequest(seed=2, key=Key(2)))
    assert (d.roll == transpose(c.roll, 2, model.spec)).all()
    assert d.key == Key(2)


def test_snap_leaves_only_the_scale(model):
    key = Key(9, True)
    piece = model.generate(4, request=GenerationRequest(seed=2, key=key, snap=True))
    pitches = model.spec.lowest_pitch + np.flatnonzero(piece.roll[1:].any((0, 1, 2)))
    assert set(pitches % 12) <= set(key.pitch_classes)


def test_a_section_that_returns_has_the_same_notes_but_for_a_share_of_cells(model):
    exact = model.generate(12, form="ABA", repeat_change=0, seed=3)
    assert (exact.roll[:, :4] == exact.roll[:, 8:])[:, 1:].all()
    varied = model.generate(12, form="ABA", repeat_change=0.25, seed=3)
    is_same = (varied.roll[:, 1:4] == varied.roll[:, 9:12]).all((2, 3))
    assert is_same.sum() >= 9 - 3  # of 12 cells 3 are new
    assert (varied.roll[:, :4] != varied.roll[:, 8:]).any()
    assert (varied.roll[:, :4] != varied.roll[:, 4:8]).any()
    with pytest.raises(ConfigError, match="a share, 0 to 1"):
        model.generate(8, form="AB", repeat_change=2)
    assert [label for _, label in varied.sections] == ["A", "B", "A"]
    with pytest.raises(ConfigError, match="3 sections"):
        model.generate(8, form="ABA")


def test_another_section_goes_on_with_the_drums_of_the_one_before(model):
    model = replace(model, prior=replace(model.prior, returns=np.zeros_like(model.prior.returns)))
    pieces = [model.generate(8, form="AB", seed=seed) for seed in range(6)]
    heard = [piece.roll[0].any((1, 2)) for piece in pieces]
    same = [
        (piece.roll[0, :4] == piece.roll[0, 4:]).all((1, 2)) & on[:4]
        for piece, on in zip(pieces, heard, strict=True)
    ]
    assert sum(bars.sum() for bars in same) >= sum(on[:3].sum() for on in heard) / 3
    assert any(on[3] for on in heard)
    assert not any(bars[3] for bars in same)  # the last bar leads on
    resting = model.generate(8, form="AB", request=GenerationRequest(seed=1, rests={"drums": range(4, 8)}))
    assert not resting.roll[0, 4:].any()


def test_of_a_few_drafts_the_first_in_the_key_is_kept(model, monkeypatch):
    """Drafts of one chord each; the piece is to be in C major."""
    shape = model.spec.shape(1)
    drafts = {}
    for name, pitches in {"F": (53, 57, 60, 65), "G": (55, 59, 62, 67), "C": (48, 52, 55, 60)}.items():
        drafts[name] = np.zeros(shape, np.uint8)
        drafts[name][1, 0, 0, np.array(pitches) - model.spec.lowest_pitch] = 2
    controls = model._asked(1, None, GenerationRequest(), "full", 4)[0]
    left = iter([drafts["G"], drafts["C"], drafts["F"]])
    monkeypatch.setattr(type(model), "_compose_cells", lambda *_: next(left))
    in_c = GenerationRequest(key=Key(0))
    found = model._in_key(drafts["F"], controls, in_c)
    assert (found == drafts["C"]).all()
    monkeypatch.setattr(type(model), "_compose_cells", lambda *_: drafts["G"])
    assert (model._in_key(drafts["F"], controls, in_c) == drafts["F"]).all()
    monkeypatch.setattr(type(model), "_compose_cells", lambda *_: drafts["C"])
    assert (model._in_key(drafts["F"], controls, GenerationRequest()) == drafts["F"]).all()  # nobody asked for C


def test_a_piece_says_the_key_that_is_wished_for_or_else_the_one_that_is_heard(model):
    """A chord of G in what the networks know as C, which they are to move up by a tone."""
    roll = np.zeros(model.spec.shape(1), np.uint8)
    roll[1, 0, 0, np.array((55, 59, 62, 67)) - model.spec.lowest_pitch] = 2
    controls = model._asked(1, None, GenerationRequest(), "full", 4)[0]
    wished = model._new_piece(roll, controls, Key(2), GenerationRequest(key=Key(2)))
    free = model._new_piece(roll, controls, Key(2), GenerationRequest())
    assert (str(wished.key), str(free.key)) == ("D major", "A major")
    assert (wished.roll == free.roll).all()
    silent = model._new_piece(np.zeros_like(roll), controls, Key(2), GenerationRequest())
    snapped = model._new_piece(roll, controls, Key(2), GenerationRequest(snap=True))
    assert (str(silent.key), str(snapped.key)) == ("D major", "D major")


def test_loop_changes_the_end_only(model):
    plain, loop = model.generate(8, seed=5), model.generate(8, seed=5, loop=True)
    assert (plain.roll[:, :6] == loop.roll[:, :6]).all()
    assert measure_seam_likeness(loop.roll) >= measure_seam_likeness(plain.roll)


def test_interpolating_between_seeds_begins_and_ends_with_what_the_seeds_give(model):
    way = model.interpolate(1, 2, 3, n_bars=5)
    for piece, seed in ((way[0], 1), (way[2], 2)):
        alone = model.generate(5, seed=seed)
        assert (piece.roll == alone.roll).all()
        assert (piece.key, piece.seed) == (alone.key, seed)
    assert (way[1].roll != way[0].roll).any()
    assert (way[1].roll != way[2].roll).any()


def test_a_key_is_drawn_as_songs_have_them_and_the_same_again():
    drawn = [draw_key(seed, is_minor=False) for seed in range(400)]
    assert drawn == [draw_key(seed, is_minor=False) for seed in range(400)]
    counts = np.bincount([key.tonic for key in drawn], minlength=12)
    assert (counts > 0).all()
    assert set(np.argsort(-counts)[:4].tolist()) == {0, 2, 7, 9}  # C, D, G, A


def test_styles_without_songs_are_not_offered(model):
    assert set(model.offered_styles) <= set(model.config.model.styles)
    silent = replace(model, prior=replace(model.prior, style=np.full_like(model.prior.style, -1)))
    assert not silent.offered_styles
    with pytest.raises(ConfigError, match="there is no style"):
        silent.generate(1, request=GenerationRequest(style=model.config.model.styles[0]))


def test_accompany_keeps_tracks(model, song):
    out = model.accompany(song, ["keys"], request=GenerationRequest(seed=1))
    assert (out.roll[1] == song.roll[1]).all()
    assert (out.roll[[0, 2]] != song.roll[[0, 2]]).any()
    assert out.given.tolist() == [[False] * 6, [True] * 6, [False] * 6]
    assert out.tempo_qpm == 97
    for keep in ([], ["drums", "keys", "bass"]):
        with pytest.raises(ConfigError, match="keep some"):
            model.accompany(song, keep)


def test_keeping_a_silent_track_is_refused(model, song):
    from dataclasses import replace

    roll = song.roll.copy()
    roll[1] = 0
    with pytest.raises(ConfigError, match="notes for drums, bass"):
        model.accompany(replace(song, roll=roll), ["keys"])


def test_continue_goes_on_where_the_music_ends(model, song):
    silence = np.zeros(model.spec.shape(2), np.uint8)
    longer = replace(song, roll=np.concatenate([song.roll, silence], axis=1))
    alone, out = (model.continue_(piece, 3, request=GenerationRequest(seed=1)) for piece in (song, longer))
    assert out.n_bars == alone.n_bars == 9
    assert (out.given == alone.given).all()
    assert (out.roll == alone.roll).all()
    assert model.continue_(longer, 1).roll[:, 7:].sum() == 0
    later = model.continue_(longer, 3, at=8)
    assert (later.n_bars, later.sections) == (11, ((8, "continued"),))
    with pytest.raises(ConfigError, match="8 bars"):
        model.continue_(longer, 3, at=9)


def test_continue_keeps_all_and_adds(model, song):
    out = model.continue_(song, 5, request=GenerationRequest(seed=1))
    assert out.n_bars == 11
    assert (out.roll[:, :6] == song.roll).all()
    assert out.roll[:, 6:].any()


def test_infill_keeps_everything_else(model, song):
    out = model.infill(song, range(2, 4), ["bass"], request=GenerationRequest(seed=1))
    changed = (out.roll != song.roll).any((2, 3))
    assert changed[2, 2:4].any()
    changed[2, 2:4] = False
    assert not changed.any()
    with pytest.raises(ConfigError, match="bars 1-6"):
        model.infill(song, range(5, 7))


def test_vary_changes_its_share(model, song):
    out = model.vary(song, 0.5, request=GenerationRequest(seed=1))
    assert (~out.given).sum() == 9
    assert (out.roll[out.given] == song.roll[out.given]).all()
    tracks = model.vary(song, 0.5, ["keys"], request=GenerationRequest(seed=1))
    assert tracks.given[[0, 2]].all()


def test_interpolate_between_seeds_and_pieces(model, song):
    seeds = model.interpolate(1, 2, 3, 4)
    assert len(seeds) == 3
    assert (seeds[0].roll != seeds[2].roll).any()
    other = model.generate(6, seed=9)
    between = model.interpolate(song, other, 5)
    assert (between[0].roll == song.roll).all()
    assert (between[-1].roll == other.roll).all()
    with pytest.raises(ConfigError, match="two seeds or between two pieces"):
        model.interpolate(song, 2)
    long = replace(song, roll=np.zeros(model.spec.shape(513), np.uint8))
    with pytest.raises(MuseganError, match="513 bars cannot"):
        model.interpolate(long, long)


def test_more_bars_than_can_be_composed_at_once_are_refused_and_few_of_them_are_not(model, song):
    long = replace(song, roll=np.tile(song.roll, (1, -(-520 // song.n_bars), 1, 1))[:, :520])
    with pytest.raises(MuseganError, match="520 bars would be composed and 512 can"):
        model.accompany(long, ["keys"])
    filled = model.infill(long, [3, 515])
    assert (filled.roll[:, 4:515] == long.roll[:, 4:515]).all()
    assert filled.given[:, [3, 515]].sum() == 0


def test_a_key_of_the_users_material_is_estimated_and_kept(model, song):
    assert model.accompany(song, ["keys"]).key is not None
    assert model.accompany(song, ["keys"], request=GenerationRequest(key=Key(6))).key == Key(6)


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


def test_wrong_words_are_refused_with_the_right_ones(model):
    with pytest.raises(ConfigError, match="drums, keys, bass"):
        model.generate(4, tracks=["tuba"])
    with pytest.raises(ConfigError, match="odd"):
        model.generate(4, request=GenerationRequest(style="polka"))
    with pytest.raises(MuseganError, match="1 to 512"):
        model.generate(513)


def test_a_model_is_told_in_a_line(model):
    assert repr(model).startswith("Model(drums, keys, bass; phrases of 4 bars; ")
    assert len(repr(model)) < 120


def test_many_pieces_at_once_are_those_that_are_composed_one_by_one(model):
    requests = [
        GenerationRequest(seed=seed, temperature=0.5 + seed / 4, tempo_qpm=90 + seed) for seed in (3, 8, 5)
    ]
    pieces = model.generate_many(requests, 7)
    for own, piece in zip(requests, pieces, strict=True):
        alone = model.generate(7, request=own)
        assert (piece.key, piece.sections, piece.tempo_qpm) == (alone.key, alone.sections, alone.tempo_qpm)
        assert (piece.roll == alone.roll).mean() > 0.999  # sums are rounded otherwise in a batch
    with pytest.raises(MuseganError, match="0 bars"):
        model.generate_many(requests, 0)


def test_a_sketch_is_one_draft(model, song, asked, monkeypatch):
    passes = []

    def counted(model, latents, given, *rest):
        passes.append(given.shape[2])
        return compose_window(model, latents, given, *rest)

    monkeypatch.setattr(compose_module, "compose_window", counted)
    own = GenerationRequest(seed=4, best_of=3, key=Key.parse("D"), density={"keys": 2.0}, sketch=True)
    piece = model.generate(8, loop=True, request=own)
    assert (passes, piece.key) == ([8], own.key)
    assert (piece.roll == model.generate(8, loop=True, request=own).roll).all()
    mask = np.zeros(song.roll.shape[:2], bool)
    mask[0] = True
    sketch = model.fill(song, mask, request=own)
    assert passes == [8, 8, 8]  # six bars, and two that are cut off
    assert (sketch.roll[0] == song.roll[0]).all()
    assert len(asked) == 3
    model.fill(song, mask, request=replace(own, sketch=False))
    assert len(asked) > 4
    assert len(passes) > 4


def test_a_sketch_of_a_section_that_returns_unchanged_composes_nothing_anew(model):
    starts = (
        model.generate(8, form="AA", repeat_change=0, request=GenerationRequest(seed=4, sketch=True)).roll == ONSET
    )
    assert starts.any()
    assert (starts[:, :4] == starts[:, 4:]).all()


def test_each_of_many_pieces_has_its_own_knobs(model, song, monkeypatch):
    direction = [3.0] * model.config.model.latent_dim
    monkeypatch.setitem(model.facts, "knobs", {"busier": {"direction": direction}})
    requests = [GenerationRequest(seed=1, temperature=0.7, knobs={"busier": step}) for step in (0, 2, -1)]
    mask = np.zeros(song.roll.shape[:2], bool)
    mask[0] = True
    new = [piece.roll for piece in model.generate_many(requests, 5)]
    filled = [piece.roll for piece in model.fill_many([song] * 3, [mask] * 3, requests)]
    for own, a, b in zip(requests, new, filled, strict=True):
        assert np.mean(a != model.generate(5, request=own).roll) < 0.001  # sums are rounded otherwise in a batch
        assert np.mean(b != model.fill(song, mask, request=own).roll) < 0.001
    assert np.mean(new[0] != new[1]) > 0.01
    assert np.mean(filled[1] != filled[2]) > 0.01


def test_many_pieces_keep_each_what_is_given_of_it(model, song):
    masks = [np.random.default_rng(seed).random((3, 6)) < 0.5 for seed in range(4)]
    pieces = model.fill_many([song] * 4, masks, [GenerationRequest(seed=seed) for seed in range(4)])
    for mask, piece in zip(masks, pieces, strict=True):
        assert (piece.roll[mask] == song.roll[mask]).all()
        assert (piece.given == mask).all()
    assert not all((piece.roll == pieces[0].roll).all() for piece in pieces)

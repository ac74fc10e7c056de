"""Controls measured by hand, cut, counted, dropped, and as the networks read them."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from songs import TRIO

from musegan.music.key import PITCH_CLASS_NAMES
from musegan.music.spec import RollSpec, TrackSpec
from musegan.networks.controls import DROPPED, Conditions, Controls, encode, measure_controls, n_features

SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="a", program=1),
        TrackSpec(name="b", program=33),
    ),
    steps_per_beat=4,
    beats_per_bar=2,
    lowest_pitch=48,
    n_pitches=30,
)
N_BARS, N_BEATS = 5, 10
BITS = {name: 1 << number for number, name in enumerate(PITCH_CLASS_NAMES)}


def phrase():
    """Five bars of 2/4 for drums, a melody and a bass."""
    roll = np.zeros((1, *SPEC.shape(N_BARS)), np.uint8)
    roll[0, 0, 0, [0, 4], 2] = 2  # drums: two hits in the first bar,
    roll[0, 0, 0, 4, 5] = 2  # another at once with the second,
    roll[0, 0, 3, 7, 2] = 2  # and one in the fourth
    for pitch in (0, 4, 7):  # a: C major through the first bar
        roll[0, 1, 0, 0, pitch], roll[0, 1, 0, 1:8, pitch] = 2, 1
    roll[0, 1, 1, 0, 7] = 1  # a tie
    roll[0, 1, 4, 2, 29] = 2  # one high note
    roll[0, 2, 2, 5, 3] = 2
    return roll


def measured():
    return measure_controls(phrase(), SPEC, np.full((1, 12), 1 / 12), np.array([-1]))


def test_measured_by_hand():
    controls = measured()
    assert controls.play[0].tolist() == [[1, -1, -1, 1, -1], [1, 1, -1, -1, 1], [-1, -1, 1, -1, -1]]
    assert controls.density[0].tolist() == [[3, 0, 0, 1, 0], [3, 0, 0, 0, 1], [0, 0, 1, 0, 0]]
    assert np.isnan(controls.register[0, 0])  # drums have no register
    assert controls.register[0, 1:].tolist() == [48 + (0 + 4 + 7 + 29) / 4, 51]
    # drums: 4 notes at 3 places, 3 on beats; a: 4 at 2 places, 26 cells, 3 on a beat, 1 half-way; b: one note
    log = np.log2
    spread = np.sqrt((10**2 + 6**2 + 3**2 + 19**2) / 4 / 144 + 0.02)
    wanted = [
        [log(4 / 3), np.nan, np.nan, 0.75, 0],
        [1, log(26 / 4), spread, 0.75, 0.25],
        [0, 0, np.sqrt(0.02), 0, 0],
    ]
    assert controls.texture[0] == pytest.approx(np.array(wanted), nan_ok=True, abs=1e-6)
    # places: drums at steps 0, 0 (two at once) and 3; a at 0 (three at once) and 2; b at 1
    assert (6 * controls.groove[0]).tolist() == pytest.approx([3, 1, 1, 1])
    chord = BITS["C"] | BITS["E"] | BITS["G"]
    assert controls.tones[0, :2].tolist() == [chord, chord]
    assert controls.bass[0, :5].tolist() == [0, 0, 7, -1, -1]
    assert controls.bass[0, 5] == 3  # Eb
    assert controls.tones[0, 6:8].tolist() == [0, 0]
    assert not controls.returns.any()
    assert not controls.unison.any()
    assert controls.n_bars == N_BARS
    for item in fields(Controls):
        assert getattr(controls, item.name).dtype == getattr(Controls.free(1, SPEC, 1), item.name).dtype, item.name


def test_silence_has_no_groove_and_no_register():
    controls = measure_controls(phrase() * 0, SPEC, np.zeros((1, 12)), np.array([2]))
    assert not controls.groove.any()
    assert np.isnan(controls.register).all()
    assert not controls.density.any()
    assert (controls.bass == -1).all()
    assert not controls.tones.any()
    assert controls.style.tolist() == [2]


def numbered(batch=2, n_bars=N_BARS):
    """Controls whose values tell where they are from."""
    bar = 100 * np.arange(batch)[:, None] + np.arange(n_bars)
    by_track = np.repeat(bar[:, None], 3, axis=1) + 10 * np.arange(3)[:, None]
    beat = 100 * np.arange(batch)[:, None] + np.arange(n_bars * 2)
    key = np.zeros((batch, 12), np.float32)
    key[:, 4] = 1
    return Controls(
        play=(by_track % 2).astype(np.int8),
        density=by_track.astype(np.float32),
        register=60 + np.arange(batch * 3, dtype=np.float32).reshape(batch, 3),
        texture=np.arange(batch * 15, dtype=np.float32).reshape(batch, 3, 5),
        key=key,
        tones=(1 + beat).astype(np.int16),
        bass=(beat % 12).astype(np.int8),
        groove=np.full((batch, 4), 0.25, np.float32),
        style=np.arange(batch),
        returns=np.zeros((batch, 3, n_bars, 3), np.int8),
        unison=(by_track % 7).astype(np.int8),
    )


def test_bars_take_the_beats_along():
    cut = numbered().bars(np.array([3, 0]))
    assert cut.density[1].tolist() == [[103, 100], [113, 110], [123, 120]]
    assert cut.tones[0].tolist() == [7, 8, 1, 2]
    assert cut.unison[1].tolist() == [[103 % 7, 100 % 7], [113 % 7, 110 % 7], [123 % 7, 120 % 7]]
    assert cut.bass[0].tolist() == [6, 7, 0, 1]
    assert cut.register.tolist() == numbered().register.tolist()
    assert cut.n_bars == 2


def test_bars_of_each_piece_in_its_own_order():
    cut = numbered().bars(np.array([[4, 1, 1], [0, 2, 3]]))
    assert cut.density[:, 2].tolist() == [[24, 21, 21], [120, 122, 123]]
    assert cut.play[:, 0].tolist() == [[0, 1, 1], [0, 0, 1]]
    assert cut.tones.tolist() == [[9, 10, 3, 4, 3, 4], [101, 102, 105, 106, 107, 108]]


def test_over_other_chords_pitches_return_only_where_these_do():
    """Over C, C, F, C, and C/E for a beat before C: with pitches the third bar may not be the second, nor the
    first beat of the fifth that of the fourth. Rhythms may."""
    controls = numbered(batch=1)
    controls.returns[0, :, 1:, 1:], controls.returns[0, :, 1:, 0] = np.array([1, 1, 2, 1])[:, None], 1
    tones = np.array([[5, 5, 5, 5, 9, 9, 5, 5, 5, 5]], np.int16)
    bass = np.array([[0, 0, 0, 0, 5, 5, 0, 0, 4, 0]], np.int8)
    found = controls.with_chords(tones, bass, SPEC)
    assert (found.tones is tones, found.bass is bass) == (True, True)
    assert found.returns[0, 0, :, 1].tolist() == [0, 1, 1, 2, 1]  # drums
    assert found.returns[0, 1:, :, 1].tolist() == [[0, 1, 0, 2, 0]] * 2
    assert found.returns[0, 1:, :, 2].tolist() == [[0, 1, 0, 2, 1]] * 2
    assert (found.returns[..., 0] == controls.returns[..., 0]).all()
    assert controls.returns[0, 1, :, 1].tolist() == [0, 1, 1, 2, 1]


def test_bars_return_in_what_is_cut_from_a_piece():
    controls = numbered()
    controls.returns[:, :, 3, 0] = 2
    assert controls.bars(np.array([1, 2, 3])).returns[1, 2, :, 0].tolist() == [0, 0, 2]
    assert not controls.bars(np.array([2, 3])).returns.any()


def test_chord_classes_count_the_lowest_note_twice():
    """C major over E for a beat, no chord, and what is free."""
    controls = Controls.free(1, TRIO, 1)
    controls.tones[0, :2], controls.bass[0, 0] = (1 | 1 << 4 | 1 << 7, 0), 4
    assert controls.chord_classes().tolist() == [[1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0]]


def test_pieces_of_a_batch():
    one = numbered(batch=4).pieces(np.array([2]))
    assert one.density[0, 0, 0] == 200
    assert all(len(getattr(one, item.name)) == 1 for item in fields(Controls))


def test_dropping_frees_each_control_on_its_own():
    free = Controls.free(len(DROPPED), SPEC, N_BARS)
    asked = numbered(batch=len(DROPPED))
    drop = {name: np.arange(len(DROPPED)) == number for number, name in enumerate(DROPPED)}
    dropped = asked.dropped(drop)
    names = {name: [name] for name in DROPPED} | {"chords": ["tones", "bass"]}
    for piece, name in enumerate(DROPPED):
        for item in fields(Controls):
            source = free if item.name in names[name] else asked
            found, wanted = (getattr(c, item.name)[piece] for c in (dropped, source))
            assert np.array_equal(found, wanted, equal_nan=item.name in ("density", "register", "texture")), (
                name,
                item.name,
            )
            assert getattr(dropped, item.name).dtype == getattr(asked, item.name).dtype


def places():
    """Where each feature lies: name -> slice."""
    sizes = {
        "mask": 3, "play": 3, "has density": 3, "density": 3, "has register": 3, "register": 3,
        "has texture": 3, "texture": 15, "key": 12, "has chord": 1, "tones": 12, "bass": 12, "has groove": 1,
        "groove": 4, "style": 2,
    }  # fmt: skip
    ends = np.cumsum(list(sizes.values())).tolist()
    assert ends[-1] == n_features(SPEC, 2)
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


def test_free_controls_are_all_zero_but_the_mask():
    mask = np.zeros((2, 3, N_BARS), bool)
    mask[0, 1, 4] = True
    features = encode(Conditions(mask=mask, controls=Controls.free(2, SPEC, N_BARS)), 2)
    assert features.shape == (2, N_BEATS, n_features(SPEC, 2))
    assert features.dtype == np.float32
    assert np.argwhere(features).tolist() == [[0, 8, 1], [0, 9, 1]]  # both beats of the last bar


def test_features_tell_every_control():
    controls = Controls.free(2, SPEC, N_BARS)
    controls.play[1, 2, 3] = -1
    controls.density[1, 0, 2] = 15
    controls.density[1, 1, 2] = 0
    controls.register[1, 2] = 66
    controls.texture[1, 1] = [1, 2, 3, 0.5, 0.25]
    controls.texture[1, 0] = [2, np.nan, np.nan, 1, 0]
    controls.key[1, 7] = 1
    controls.tones[1, 5], controls.bass[1, 5] = BITS["D"] | BITS["A"], 9
    controls.tones[1, 6] = 0  # no chord is asked for
    controls.groove[1] = [0.5, 0, 0.25, 0.25]
    controls.style[1] = 1
    features = encode(Conditions(mask=np.zeros((2, 3, N_BARS), bool), controls=controls), 2)
    assert not features[0].any()
    found = {name: features[1, :, place] for name, place in places().items()}
    assert np.argwhere(found["play"]).tolist() == [[6, 2], [7, 2]]
    assert np.argwhere(found["has density"]).tolist() == [[4, 0], [4, 1], [5, 0], [5, 1]]
    assert found["density"][4].tolist() == [4, 0, 0]  # log2(16)
    assert (found["has register"] == [0, 0, 1]).all()
    assert (found["register"] == [0, 0, 0.5]).all()  # half an octave over C
    assert (found["has texture"] == [1, 1, 0]).all()
    assert (found["texture"] == [2, 0, 0, 4, 0, 1, 2, 6, 2, 1, 0, 0, 0, 0, 0]).all()
    assert (found["key"] == np.where(np.arange(12) == 7, 5.5, -0.5)).all()
    assert found["has chord"][:, 0].nonzero()[0].tolist() == [5, 6]
    assert np.argwhere(found["tones"]).tolist() == [[5, 2], [5, 9]]
    assert np.argwhere(found["bass"]).tolist() == [[5, 9]]
    assert (found["has groove"] == 1).all()
    assert (found["groove"] == 4 * np.sqrt(np.float32([0.5, 0, 0.25, 0.25]))).all()
    assert (found["style"] == [0, 1]).all()


def test_conditions_become_tensors():
    conditions = Conditions(mask=np.ones((2, 3, N_BARS), bool), controls=numbered())
    conditions.mask[1, 2] = False
    conditioning = conditions.to_tensors(2, torch.device("cpu"), torch.float64)
    assert conditioning.mask.dtype == conditioning.play.dtype == conditioning.tones.dtype == torch.float64
    assert conditioning.mask.sum() == 5 * 5
    assert conditioning.play.tolist() == conditions.controls.play.tolist()
    assert conditioning.tones.shape == (2, N_BEATS, 12)
    assert conditioning.tones[0, 4].nonzero().flatten().tolist() == [0, 2]  # 5 is C and D
    free = Conditions(mask=conditions.mask, controls=Controls.free(2, SPEC, N_BARS)).to_tensors(
        2, torch.device("cpu")
    )
    assert not free.tones.any()


def test_conditions_of_some_bars_and_pieces():
    conditions = Conditions(mask=np.zeros((2, 3, N_BARS), bool), controls=numbered())
    conditions.mask[1, 0, 3] = True
    some = conditions.pieces(np.array([1])).bars(np.array([3, 4]))
    assert some.mask.tolist() == [[[True, False], [False, False], [False, False]]]
    assert some.controls.density[0, 0].tolist() == [103, 104]

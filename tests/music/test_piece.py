"""Pieces: what fits together, and what is told when it does not."""

import numpy as np
import pytest
from songs import TRIO

from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.piece import Piece

SHAPE = TRIO.shape(5)


def test_a_piece_knows_its_size_and_tells_what_it_is():
    piece = Piece(roll=np.zeros(SHAPE, np.uint8), spec=TRIO, tempo_qpm=75, key=Key(2, True), seed=7)
    assert (piece.n_bars, piece.seconds) == (5, 16.0)
    assert repr(piece) == "Piece(5 bars of drums, keys, bass; 75 qpm, D minor; seed 7)"
    assert np.asarray(piece).shape == SHAPE
    assert np.asarray(piece, np.float32).dtype == np.float32


def test_bars_are_cut_out_with_all_that_belongs_to_them():
    roll = np.zeros(SHAPE, np.uint8)
    roll[1, 2, 7, 30] = 2
    given = np.zeros(SHAPE[:2], bool)
    given[2, 3] = True
    piece = Piece(roll=roll, spec=TRIO, tempo_qpm=75, given=given, sections=((0, "A"), (3, "B"), (4, "C")))
    part = piece.cut(2, 4)
    assert np.argwhere(part.roll).tolist() == [[1, 0, 7, 30]]
    assert np.argwhere(part.given).tolist() == [[2, 1]]
    assert (part.sections, part.tempo_qpm) == (((1, "B"),), 75)
    with pytest.raises(ConfigError, match=r"bars 5-6 .* bars 1-5"):
        piece.cut(4, 6)


@pytest.mark.parametrize(
    ("roll", "message"),
    [
        (np.zeros(TRIO.shape(5)[1:], np.uint8), "does not fit"),
        (np.zeros((2, *SHAPE[1:]), np.uint8), r"\(3, any, 16, 40\)"),
        (np.zeros((3, 5, 12, 40), np.uint8), "does not fit"),
        (np.zeros((3, 5, 16, 84), np.uint8), "does not fit"),
        (np.zeros(SHAPE, bool), "uint8"),
        (np.full(SHAPE, 3, np.uint8), "2 for onset"),
    ],
)
def test_rolls_that_do_not_fit_are_refused(roll, message):
    with pytest.raises(ConfigError, match=message):
        Piece(roll=roll, spec=TRIO)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tempo_qpm", 3.0, "the tempo is 3"),
        ("tempo_qpm", 1001.0, "4 to 1000"),
        ("tempo_qpm", float("nan"), "the tempo is nan"),
        ("given", np.ones((3, 4), bool), r"given has shape \(3, 4\); the piece needs \(3, 5\)"),
        ("given", np.ones((3, 5), int), "given"),
        ("feel", np.zeros((3, 16, 3), np.float32), "feel has shape"),
        ("sections", ((5, "B"),), "outside the 5 bars"),
        ("seed", -1, "seed"),
    ],
)
def test_parts_that_do_not_fit_are_refused(field, value, message):
    with pytest.raises(ConfigError, match=message):
        Piece(roll=np.zeros(SHAPE, np.uint8), spec=TRIO, **{field: value})


def test_no_bars_are_a_piece():
    assert Piece(roll=np.zeros(TRIO.shape(0), np.uint8), spec=TRIO).seconds == 0

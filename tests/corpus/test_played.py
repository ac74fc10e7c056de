"""The notes that a performance head is trained on."""

import numpy as np
import pytest
from songs import TRIO, write_played_dataset

from musegan.corpus.played import PlayedNotes
from musegan.midi.manner import MANNER

N_SONGS = 12


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_played_dataset(tmp_path_factory.mktemp("played") / "played.npz", N_SONGS)


@pytest.fixture(scope="module")
def notes(dataset):
    return PlayedNotes.from_dataset(dataset)


def test_played_tracks_are_chosen_and_typed_ones_stay_as_company(notes):
    assert notes.count_tracks().tolist() == [[N_SONGS, N_SONGS], [N_SONGS, N_SONGS], [0, 0]]
    assert notes.is_played[notes.track < 2].all()
    assert not notes.is_played[notes.track == 2].any()
    assert np.isfinite(notes.manner[:, 0]).all()
    assert np.isfinite(notes.manner[0, 1]).all()
    assert np.isnan(notes.manner[:, 2]).all()


def test_notes_are_in_order_of_bar_track_step_and_pitch(notes, dataset):
    key = ((notes.bar * 8 + notes.track) * 64 + notes.step) * 128 + notes.pitch
    assert (np.diff(key) > 0).all()
    assert notes.n_bars == dataset.n_bars
    first = slice(notes.bar_offsets[0], notes.bar_offsets[1])
    assert notes.step[first].tolist() == [0, 4, 8, 12, 0, 0, 0, 0, 6, 8]  # drums, a chord, bass
    assert notes.duration[first].tolist() == [1, 1, 1, 1, 12, 12, 12, 3, 3, 3]
    loud = notes.velocity[(notes.track == 0) & (notes.step == 0)]
    assert 95 <= loud.min() <= loud.max() <= 125


def test_phrases_are_of_four_bars_of_one_song(notes, dataset):
    lengths = dataset.songs["bar_end"] - dataset.song_starts
    assert len(notes.split) == sum(-(-n // 4) for n in lengths.tolist())
    assert np.bincount(notes.phrase).tolist()[:2] == [4, 4]
    assert notes.source[notes.phrase[-1]] == N_SONGS - 1
    assert notes.manner.shape == (len(notes.split), TRIO.n_tracks, len(MANNER))


def test_splits_are_left_out_when_asked(dataset, notes):
    valid = PlayedNotes.from_dataset(dataset, ["valid"])
    assert set(valid.source.tolist()) == {2, 8}
    assert valid.n_bars == (np.isin(notes.source, (2, 8))[notes.phrase]).sum()

"""Windows of a corpus for the loader of torch: items by hand, batches, workers, what is refused."""

import numpy as np
import pytest
import torch
from songs import TRIO
from torch.utils.data import DataLoader

from musegan import WindowDataset
from musegan.corpus.dataset import Dataset
from musegan.corpus.note_list import NoteList
from musegan.corpus.packing import DatasetWriter, Song
from musegan.errors import ConfigError, DatasetError
from musegan.midi.performance import FEEL_SUMS
from musegan.music.pianoroll import NOTE, sort_notes

ROWS = [  # (track, start, duration, MIDI number); bars are 16 steps, beats 4, the lowest pitch is 30
    (0, 5, 1, 36),
    (1, 14, 9, 60),  # over the first bar line
    (1, 21, 30, 62),  # over the end of the second bar
    (2, 40, 2, 40),
]


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "one.npz"
    notes = sort_notes(np.array([(*row, 80) for row in ROWS], NOTE))
    feel = np.zeros((3, TRIO.steps_per_bar, len(FEEL_SUMS)))
    with DatasetWriter(path, TRIO) as writer:
        writer.add(Song(name="a", source=0, n_bars=4, notes=notes, feel_sums=feel, split="train"))
    return path


def test_a_window_by_hand(song):
    first, second, third = WindowDataset(song, n_bars=2)
    assert first["notes"].tolist() == [[0, 1, 1, 6, 1], [1, 3, 2, 30, 9], [1, 5, 1, 32, 11]]  # the last one is cut
    assert second["notes"].tolist() == [[1, 1, 1, 32, 27], [2, 6, 0, 10, 2]]
    assert third["notes"].tolist() == [[2, 2, 0, 10, 2]]
    assert first["roll"].dtype == torch.uint8
    assert torch.argwhere(second["roll"] == 2).tolist() == [[1, 0, 5, 32], [2, 1, 8, 10]]
    assert int((second["roll"] == 1).sum()) == 26 + 1
    assert first["controls"]["density"].tolist() == [[1, 0], [1, 1], [0, 0]]
    assert first["controls"]["play"].tolist() == [[1, -1], [1, 1], [-1, -1]]
    assert first["controls"]["tempo"].shape == ()


def test_batches_keep_all_notes_and_say_whose_they_are(dataset):
    windows = WindowDataset(dataset, n_bars=5, split="valid")
    assert len(windows) == len(dataset.windows(5, "valid")) == 14
    batches = list(DataLoader(windows, batch_size=4, collate_fn=WindowDataset.collate))
    assert [len(batch["roll"]) for batch in batches] == [4, 4, 4, 2]
    assert batches[1]["controls"]["chords"].shape == (4, 20, 2)
    for row in range(4):
        mine = batches[1]["notes"][batches[1]["notes"][:, 0] == row]
        assert torch.equal(mine[:, 1:], windows[4 + row]["notes"])
        assert len(mine) == int((batches[1]["roll"][row] == 2).sum())


def test_it_can_be_made_of_lists_of_notes(dataset, tmp_path):
    notes = NoteList.from_dataset(dataset)
    notes.save(tmp_path / "notes.npz")
    wanted = WindowDataset(dataset.path, n_bars=3)
    for source in (notes, tmp_path / "notes.npz"):
        found = WindowDataset(source, n_bars=3)
        assert len(found) == len(wanted)
        assert torch.equal(found[-1]["roll"], wanted[-1]["roll"])


def test_other_windows_than_there_are_are_refused(dataset, tmp_path):
    with pytest.raises(ConfigError, match="no split 'all'; choose one of train, valid, test"):
        WindowDataset(dataset, split="all")
    with pytest.raises(ConfigError, match="windows of 0 bars"):
        WindowDataset(dataset, n_bars=0)
    with pytest.raises(DatasetError, match=r"nothing\.npz"):
        WindowDataset(tmp_path / "nothing.npz")
    assert len(WindowDataset(dataset, n_bars=3, min_tracks=4)) == 0


def test_datasets_say_what_they_are(song):
    songs = Dataset(song)
    assert len(songs) == 1
    assert repr(songs) == f"Dataset({str(song)!r}: 1 songs, 4 bars of drums, keys, bass)"

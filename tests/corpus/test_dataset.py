"""The dataset file: what is written is what is drawn, windows, splits, damage, interruptions."""

import os
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import TRIO, make_song, write_dataset

from musegan.corpus.dataset import BAR_NOTE, Dataset
from musegan.corpus.packing import DatasetWriter, Song, measure_pitch_classes, split_at_bars
from musegan.errors import DatasetError
from musegan.midi.performance import FEEL_SUMS
from musegan.music.pianoroll import NOTE, notes_to_roll, sort_notes, transpose
from musegan.music.spec import RollSpec

ODD = RollSpec(tracks=TRIO.tracks, steps_per_beat=5, beats_per_bar=3, lowest_pitch=40, n_pitches=31)


def song(rows, n_bars, spec=ODD, **labels):
    notes = sort_notes(np.array([(*row, 90) for row in rows], NOTE))
    sums = np.zeros((spec.n_tracks, spec.steps_per_bar, len(FEEL_SUMS)))
    return Song(name="x.mid", source=0, n_bars=n_bars, notes=notes, feel_sums=sums, **labels)


def write(path, songs, spec=ODD):
    with DatasetWriter(path, spec) as writer:
        for item in songs:
            writer.add(item)
    return Dataset(path)


def test_notes_are_cut_at_bars_by_hand():
    rows, counts, source = split_at_bars(
        sort_notes(
            np.array(
                [
                    (1, 13, 20, 45, 90),  # 2 steps in bar 0, all of bar 1, 3 steps of bar 2
                    (0, 2, 9, 50, 80),  # a drum
                    (2, 44, 9, 41, 70),  # over the end
                    (2, 45, 1, 41, 70),  # after the end
                    (1, -1, 5, 45, 70),  # before the start
                    (1, 3, 1, 39, 70),  # too low
                    (1, 3, 1, 71, 70),  # too high
                ],
                NOTE,
            )
        ),
        ODD,
        3,
    )
    wanted = [
        (0, 50, 80, 0, 2, 1),
        (1, 45, 90, 0, 13, 2),
        (1, 45, 90, 1, 0, 15),
        (1, 45, 90, 1, 0, 3),
        (2, 41, 70, 0, 14, 1),
    ]
    assert rows.dtype == BAR_NOTE
    assert rows.tolist() == wanted
    assert counts.tolist() == [2, 1, 2]
    assert source.tolist() == [0, 4, 4, 4, 5]  # in order of track and start


def test_timing_is_kept_for_each_row(tmp_path):
    notes = [(0, 2, 1, 50), (1, 13, 4, 45), (2, 3, 1, 41)]
    played = write(tmp_path / "a.npz", [song(notes, 2, late=np.array([0.25, -0.5, 0.1]))])
    late = played.measure_lateness(slice(None)).tolist()
    assert late == pytest.approx([0.25, -0.5, 0.1, -0.5])  # the tie is last
    assert write(tmp_path / "b.npz", [song(notes, 2)]).measure_lateness(slice(1, 3)).tolist() == [0, 0]


def test_datasets_without_timing_are_read(tmp_path):
    whole = write(tmp_path / "a.npz", [song([(0, 2, 1, 50)], 1)])
    with np.load(whole.path) as archive:
        np.savez(tmp_path / "b.npz", **{name: archive[name] for name in archive.files if name != "late"})
    old = Dataset(tmp_path / "b.npz")
    assert old.rolls(np.array([0]), 1).tolist() == whole.rolls(np.array([0]), 1).tolist()
    with pytest.raises(DatasetError, match="prepare it again"):
        old.measure_lateness(slice(None))


def test_split_of_nothing():
    rows, counts, _ = split_at_bars(np.empty(0, NOTE), ODD, 4)
    assert (len(rows), counts.tolist()) == (0, [0, 0, 0, 0])


def test_pitch_classes_are_by_sounding_time_without_drums():
    shares = measure_pitch_classes(song([(0, 0, 1, 43), (1, 0, 6, 48), (2, 3, 2, 62)], 1).notes, ODD)
    assert shares.tolist() == pytest.approx([0.75, 0, 0.25, *[0] * 9])
    assert measure_pitch_classes(np.empty(0, NOTE), ODD).tolist() == [0] * 12


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_windows_are_cut_from_the_whole_roll(tmp_path_factory, data):
    n_bars = data.draw(st.integers(2, 6))
    cells = st.tuples(st.integers(0, 2), st.integers(0, n_bars * 15 - 1), st.integers(1, 40), st.integers(40, 70))
    songs = [song(data.draw(st.lists(cells, max_size=30)), n_bars) for _ in range(2)]
    dataset = write(tmp_path_factory.mktemp("d") / "d.npz", songs)
    whole = np.concatenate([notes_to_roll(item.notes, ODD, n_bars) for item in songs], axis=1)
    first = np.array([0, n_bars, data.draw(st.integers(0, n_bars - 2))])
    semitones = np.array([0, data.draw(st.integers(-6, 6)), 1])
    drawn = dataset.rolls(first, 2, semitones)
    assert drawn.shape == (3, 3, 2, 15, 31)
    for roll, begin, shift in zip(drawn, first, semitones, strict=True):
        onsets = transpose(whole[:, begin : begin + 2], shift, ODD) == 2
        if shift == 0:
            assert np.array_equal(roll, whole[:, begin : begin + 2])
        assert np.array_equal((roll == 2).sum((0, 1, 2)) > 0, onsets.sum((0, 1, 2)) > 0)
    activity = whole.any((2, 3)).T
    assert np.array_equal(dataset.track_activity(np.arange(2 * n_bars)), activity)


def test_songs_labels_and_windows(dataset):
    assert (dataset.n_songs, dataset.n_bars) == (8, sum(range(6, 14)))
    assert dataset.song_starts.tolist() == [0, 6, 13, 21, 30, 40, 51, 63]
    assert dataset.song_of(np.array([0, 5, 6, 75])).tolist() == [0, 0, 1, 7]
    assert [dataset.song_name(i) for i in (0, 1, 7)] == ["song 0", "song 1", "song 7"]
    assert dataset.styles == ["odd"]
    assert dataset.songs["style"].tolist() == [-1, 0] * 4
    assert dataset.songs["split"].tolist() == [0, 0, 0, 1] * 2
    valid = dataset.windows(4, "valid")
    assert valid.tolist() == [*range(21, 27), *range(63, 73)]
    assert len(dataset.windows(4, "train")) == sum(n - 3 for n in (6, 7, 8, 10, 11, 12))
    assert len(dataset.windows(4, "train", min_tracks=4)) == 0
    assert dataset.windows(14, "train").size == 0


def test_feel_is_the_mean_and_spread(tmp_path):
    sums = np.zeros((3, 15, 5))
    sums[1, 4] = 2, 140, 100**2 + 40**2, 0.5, 0.25
    item = song([(1, 4, 1, 50)], 1)
    dataset = write(tmp_path / "f.npz", [Song(**{**vars(item), "feel_sums": sums})])
    assert dataset.feel[1, 4].tolist() == pytest.approx([70, 30, 0.25, 0.25])
    assert np.isnan(dataset.feel[0]).all()


def test_reading_is_memory_mapped(dataset):
    assert isinstance(dataset.notes, np.memmap)
    assert isinstance(dataset.bar_offsets, np.memmap)
    opened = np.load(dataset.path)  # and numpy reads the file too
    assert np.array_equal(opened["notes"], dataset.notes)


def test_equal_content_is_equal_bytes(tmp_path):
    paths = [tmp_path / name for name in ("a.npz", "b.npz")]
    for path in paths:
        write_dataset(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_silent_bars_and_songs_stay(tmp_path):
    dataset = write(tmp_path / "s.npz", [song([], 3), song([(2, 31, 2, 44)], 4)])
    assert dataset.bar_offsets.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert dataset.rolls(np.array([0]), 3).sum() == 0
    assert dataset.windows(3, "train", min_tracks=0).tolist() == [0, 3, 4]
    assert dataset.windows(3, "train").tolist() == [3, 4]


@pytest.mark.parametrize("damage", ["missing", "no archive", "cut", "other members", "compressed", "other format"])
def test_damaged_files_are_refused(tmp_path, dataset, damage):
    path = tmp_path / "bad.npz"
    data = dataset.path.read_bytes()
    if damage == "no archive":
        path.write_bytes(b"not a dataset")
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "other members":
        np.savez(path, a=np.zeros(3))
    elif damage == "compressed":
        np.savez_compressed(path, header=np.zeros(3, np.uint8))
    elif damage == "other format":
        path.write_bytes(data.replace(b"musegan dataset 1", b"musegan dataset 9"))
    with pytest.raises(DatasetError, match=r"bad\.npz"):
        Dataset(path)


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(b"old")

    def interrupted():
        with DatasetWriter(path, TRIO) as writer:
            writer.add(make_song(1, 6))
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["d.npz"]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not_disturbed(tmp_path):
    path = tmp_path / "d.npz"
    abandoned = tmp_path / ".d.npz.killed"
    abandoned.mkdir()
    (abandoned / "notes").write_bytes(b"half")
    others = tmp_path / ".d.npz.other"
    others.mkdir()
    with DatasetWriter(path, TRIO) as living:
        living.add(make_song(1, 6))
        living._parts["notes"].flush()
        long_ago = time.time() - 1000
        for folder in tmp_path.glob(".d.npz.*"):
            for file in folder.iterdir():
                os.utime(file, (long_ago, long_ago))
        with DatasetWriter(path, TRIO) as second:
            second.add(make_song(2, 5))
        assert not abandoned.exists()
        assert others.exists()
        assert Dataset(path).n_bars == 5
    assert Dataset(path).n_bars == 6


def test_the_archive_is_plain(dataset):
    with zipfile.ZipFile(dataset.path) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None

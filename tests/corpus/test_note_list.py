"""A corpus as lists of notes: what the dataset's rolls say, windows, transposition, files."""

from dataclasses import replace

import numpy as np
import pytest
from songs import TRIO, WALTZ

from musegan.corpus.dataset import Dataset
from musegan.corpus.note_list import NoteList
from musegan.corpus.packing import DatasetWriter, Song
from musegan.errors import ConfigError, DatasetError
from musegan.midi.performance import FEEL_SUMS
from musegan.music.chords import harmony_plan
from musegan.music.excerpts import Music
from musegan.music.pianoroll import NOTE, drop_orphan_holds, sort_notes, transpose

DRUMS, KEYS, BASS = range(3)
TIES = [  # (track, start, duration, MIDI number); bars are 16 steps
    (DRUMS, 3, 1, 36),
    (KEYS, 2, 45, 60),  # over two bar lines, to the end of the 3rd bar but a step
    (KEYS, 20, 4, 64),
    (KEYS, 31, 2, 69),
    (KEYS, 33, 30, 67),
    (BASS, 63, 17, 40),  # into the 5th bar, to its end
    (BASS, 80, 3, 33),
]


def dataset_of(path, *songs, spec=TRIO):
    """A dataset of songs given as rows like `TIES`, each of 6 bars."""
    with DatasetWriter(path, spec) as writer:
        for index, rows in enumerate(songs):
            notes = sort_notes(np.array([(t, s, d, p, 80) for t, s, d, p in rows], NOTE))
            feel = np.zeros((spec.n_tracks, spec.steps_per_bar, len(FEEL_SUMS)))
            writer.add(Song(name="a", source=index, n_bars=6, notes=notes, feel_sums=feel, split="train"))
    return Dataset(path)


@pytest.fixture(scope="module")
def notes(dataset):
    return NoteList.from_dataset(dataset)


def read(notes, first, n_bars, semitones=0):
    first = np.atleast_1d(first)
    return notes.read(first, n_bars, np.broadcast_to(semitones, first.shape).astype(np.int64))


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("cell", "step", "pitch", "duration")
    )


def test_notes_are_whole_over_bar_lines(tmp_path):
    notes = NoteList.from_dataset(dataset_of(tmp_path / "a.npz", TIES))
    columns = (notes.track, notes.start, notes.pitch, notes.duration)
    found = [tuple(row) for row in np.array(columns, int).T.tolist()]
    assert found == [
        (DRUMS, 3, 6, 1),
        (KEYS, 2, 30, 45),
        (KEYS, 4, 34, 4),
        (KEYS, 15, 39, 2),
        (KEYS, 1, 37, 30),
        (BASS, 15, 10, 17),
        (BASS, 0, 3, 3),
    ]
    assert notes.bar_offsets.tolist() == [0, 2, 4, 5, 6, 6, 7]
    assert notes.bar_end.tolist() == [6]
    sounding = notes.read(np.array([0]), 6, np.array([0])).is_sounding[0]
    assert sounding.tolist() == [[True] + [False] * 5, [True] * 4 + [False] * 2, [False] * 3 + [True] * 3]


@pytest.mark.parametrize("n_bars", [1, 3, 6])
def test_windows_are_those_of_the_rolls(tmp_path, n_bars):
    """Notes that began before a window are no notes of it; what runs over its end is cut there."""
    dataset = dataset_of(tmp_path / "a.npz", TIES, TIES[1:4])
    notes = NoteList.from_dataset(dataset)
    starts = notes.windows(n_bars, "train")
    assert (starts == dataset.windows(n_bars, "train")).all()
    rolls = dataset.rolls(starts, n_bars)
    music, expected = read(notes, starts, n_bars), Music.from_rolls(rolls, TRIO)
    assert same(music.notes, expected.notes)
    assert (music.is_sounding == expected.is_sounding).all()
    assert (music.tones == expected.tones).all()
    assert (music.bass == expected.bass).all()


@pytest.mark.parametrize("semitones", [-5, 4])
def test_what_is_read_transposed_is_what_is_transposed(dataset, notes, semitones):
    starts = dataset.windows(5, "train")
    rolls = np.stack([drop_orphan_holds(roll, TRIO) for roll in dataset.rolls(starts, 5)])
    rolls = transpose(rolls, semitones, TRIO)
    music = read(notes, starts, 5, semitones)
    assert (music.notes.to_rolls(TRIO) == rolls).all()
    assert music.key[0] == pytest.approx(np.roll(dataset.songs["pitch_classes"][0], semitones))
    tones, bass = harmony_plan(rolls[:1], TRIO)
    assert (music.tones[0] == tones).all()
    assert (music.bass[0] == bass).all()


def test_pitches_that_leave_the_range_of_their_instrument_are_folded_back_by_octaves(tmp_path):
    """Keys from 60 to 69 is less than an octave, from 48 to 69 more; drums stay."""
    tracks = TRIO.tracks[0], replace(TRIO.tracks[1], lowest_pitch=48, highest_pitch=66), TRIO.tracks[2]
    spec = replace(TRIO, tracks=tracks)
    rows = [(DRUMS, 0, 1, 36), (KEYS, 0, 2, 50), (KEYS, 4, 2, 65), (BASS, 8, 2, 69)]
    notes = NoteList.from_dataset(dataset_of(tmp_path / "a.npz", rows, spec=spec))
    up, down = (read(notes, 0, 1, shift).notes for shift in (3, -4))
    assert (up.pitch + spec.lowest_pitch).tolist() == [36, 53, 56, 60]
    assert (down.pitch + spec.lowest_pitch).tolist() == [36, 58, 61, 65]


def test_notes_that_meet_when_they_are_folded_are_one(tmp_path):
    tracks = TRIO.tracks[0], replace(TRIO.tracks[1], lowest_pitch=48, highest_pitch=66), TRIO.tracks[2]
    spec = replace(TRIO, tracks=tracks)
    notes = NoteList.from_dataset(dataset_of(tmp_path / "a.npz", [(KEYS, 0, 2, 53), (KEYS, 0, 2, 65)], spec=spec))
    assert len(read(notes, 0, 1).notes) == 2
    assert (read(notes, 0, 1, 2).notes.pitch + spec.lowest_pitch).tolist() == [55]


def test_notes_outside_the_range_of_their_instrument_are_left_out(tmp_path):
    tracks = (*TRIO.tracks[:2], replace(TRIO.tracks[2], lowest_pitch=34, highest_pitch=50))
    spec = replace(TRIO, tracks=tracks)
    rows = [(BASS, 2, 20, 33), (BASS, 32, 4, 34), (BASS, 50, 4, 50), (BASS, 64, 4, 51), (KEYS, 0, 4, 51)]
    notes = NoteList.from_dataset(dataset_of(tmp_path / "a.npz", rows, spec=spec))
    music = read(notes, 0, 6)
    assert (music.notes.pitch + 30).tolist() == [51, 34, 50]
    assert music.is_sounding[0, BASS].tolist() == [False, False, True, True, False, False]


def test_windows_lie_within_one_song_of_their_split(dataset, notes):
    for split in ("train", "valid"):
        for n_bars, min_tracks in ((1, 1), (7, 3), (13, 1)):
            found = notes.windows(n_bars, split, min_tracks)
            assert (found == dataset.windows(n_bars, split, min_tracks)).all()
            assert (notes.song_of(found) == notes.song_of(found + n_bars - 1)).all()
    assert len(notes.windows(14, "train")) == len(notes.windows(5, "test")) == 0


def test_songs_keep_style_tempo_and_feel(dataset, notes):
    music = read(notes, [0, 6, 13], 2)
    assert notes.styles == ("odd",)
    assert music.style.tolist() == [-1, 0, -1]
    assert music.tempo.tolist() == dataset.songs["tempo_qpm"][:3].tolist()
    assert np.array_equal(notes.feel, dataset.feel, equal_nan=True)


def test_songs_are_brought_to_one_key(dataset, notes):
    from musegan.music.key import key_scores

    starts = notes.windows(4, "train")
    best = key_scores(notes.read(starts, 4, notes.key_shifts(starts)).key).argmax(-1)
    assert set(best.tolist()) <= {0, 12 + 9}  # C major and A minor


def test_a_list_comes_back_from_its_file(notes, tmp_path):
    path = tmp_path / "notes.npz"
    notes.save(path)
    for back in (NoteList.load(path), NoteList.open(path)):
        assert (back.spec, back.styles) == (notes.spec, notes.styles)
        for name, values in vars(notes).items():
            if isinstance(values, np.ndarray):
                assert np.array_equal(values, getattr(back, name), equal_nan=values.dtype.kind == "f")
                assert values.dtype == getattr(back, name).dtype
    assert [item.name for item in tmp_path.iterdir()] == ["notes.npz"]


def test_a_dataset_is_opened_as_its_notes(dataset, notes):
    assert (NoteList.open(dataset.path).pitch == notes.pitch).all()


def test_damaged_files_are_one_sentence(notes, tmp_path, dataset):
    path = tmp_path / "notes.npz"
    notes.save(path)
    data = path.read_bytes()
    for damaged in (b"", b"no", data[: len(data) // 2], data[:-30], data[:40] + b"\0" * 200 + data[240:]):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"notes\.npz is not a list of notes or is damaged"):
            NoteList.load(path)
        with pytest.raises(DatasetError, match=r"notes\.npz"):
            NoteList.open(path)
    with pytest.raises(DatasetError, match="damaged"):
        NoteList.load(dataset.path)
    with pytest.raises(DatasetError, match="damaged"):
        NoteList.load(tmp_path / "nothing.npz")
    with pytest.raises(DatasetError, match="there is no dataset"):
        NoteList.open(tmp_path / "nothing.npz")


def test_another_ensemble_in_three(tmp_path):
    spec = replace(WALTZ, one_part_a_track=True)
    rows = [(0, 17, 1, 30), (1, 17, 20, 40), (1, 19, 1, 44), (1, 36, 18, 51)]
    dataset = dataset_of(tmp_path / "a.npz", rows, spec=spec)
    notes = NoteList.from_dataset(dataset)
    assert notes.spec == spec
    starts = notes.windows(2, "train")
    music, wanted = read(notes, starts, 2), Music.from_rolls(dataset.rolls(starts, 2), spec)
    assert same(music.notes, wanted.notes)
    assert (music.is_sounding == wanted.is_sounding).all()
    assert (music.tones == wanted.tones).all()


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("track", lambda values: values + np.uint8(3), "track goes from 3 to"),
        ("pitch", lambda values: values[1:], "pitch is uint8"),
        ("start", lambda values: values.astype(np.int32), "start is int32"),
        ("duration", lambda values: values * np.uint16(0), "duration goes from 0 to 0"),
        ("bar_offsets", lambda values: values[::-1].copy(), "bar_offsets is not in order"),
        ("bar_end", lambda values: values - 1, "does not end at"),
        ("bass", lambda values: np.full_like(values, 12), "bass goes from 12 to 12"),
        ("style", lambda values: np.full_like(values, 40), "style goes from 40 to 40"),
        ("tempo", lambda values: values * np.float32(np.nan), "tempo goes from nan to nan"),
        ("feel", lambda values: values[:, 1:], "feel is float32"),
    ],
)
def test_a_list_that_does_not_fit_its_header_is_refused(notes, tmp_path, name, change, problem):
    path = tmp_path / "notes.npz"
    replace(notes, **{name: change(getattr(notes, name))}).save(path)
    with pytest.raises(DatasetError, match=rf"notes\.npz is not a list of notes or is damaged: .*{problem}"):
        NoteList.load(path)


def test_a_list_knows_the_dataset_that_it_was_made_from(notes, dataset, tmp_path):
    notes.require_same_songs(dataset.path)
    notes.require_same_songs(tmp_path / "gone.npz")
    path = tmp_path / "notes.npz"
    notes.save(path)
    notes.require_same_songs(path)
    other = dataset_of(tmp_path / "a.npz", TIES)
    with pytest.raises(DatasetError, match=r"a\.npz has other songs"):
        notes.require_same_songs(other.path)
    waltz = dataset_of(tmp_path / "b.npz", [(0, 17, 1, 30)], spec=WALTZ)
    with pytest.raises(ConfigError, match=r"the run and the dataset .*b\.npz do not fit"):
        notes.require_same_songs(waltz.path)

"""Datasets that are damaged or hostile, and archives that ask for too much."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile

import numpy as np
import pytest
from midibytes import band

from musegan.corpus.dataset import MEMBERS, Dataset
from musegan.corpus.parallel import map_in_order
from musegan.corpus.sources import find_files, read_items
from musegan.corpus.verify import verify_dataset
from musegan.errors import DatasetError


def changed(dataset, path, **arrays):
    """A copy of a dataset with other members; a header is given as a change of the old one."""
    header = arrays.pop("header", lambda header: header)(json.loads(json.dumps(dataset.header)))
    members = {name: dataset.__dict__.get(name, dataset.__dict__.get(f"_{name}")) for name in MEMBERS}
    members |= {"feel": dataset.feel, "header": np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays}
    np.savez(path, **{name: value for name, value in members.items() if value is not None})
    return path


def without(name):
    return lambda header: {key: value for key, value in header.items() if key != name}


def test_a_plain_copy_is_sound(dataset, tmp_path):
    copy = Dataset(changed(dataset, tmp_path / "a.npz"))
    verify_dataset(copy)
    assert copy.n_bars == dataset.n_bars


@pytest.mark.parametrize(
    "change",
    [
        *({"header": without(name)} for name in ("spec", "format", "styles", "licences")),
        {"header": lambda header: [header]},
        {"header": lambda header: {**header, "styles": 3}},
        {"header": lambda header: {**header, "styles": [3]}},
        {"header": lambda header: {**header, "spec": {"tracks": [1]}}},
        {"header": lambda header: {**header, "spec": {**header["spec"], "steps_per_beat": 5}}},
        {"notes": np.zeros(9, np.uint8)},
        {"bar_offsets": np.zeros(0, np.int64)},
        {"bar_tracks": np.zeros((3, 3), np.uint64)},
        {"names": np.zeros(1, np.uint8)},
        {"feel": np.zeros((1, 2, 4), np.float32)},
        {"songs": np.array([None, {}], object)},
    ],
)
def test_what_does_not_fit_is_told_on_opening(dataset, tmp_path, change):
    with pytest.raises(DatasetError, match="not a musegan dataset or is damaged"):
        Dataset(changed(dataset, tmp_path / "a.npz", **change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda header: [header], "header is .*; it must be a table"),
        (lambda header: {**header, "styles": [3]}, r"header\.styles\[0\] is 3; it must be a text"),
        (lambda header: {**header, "n_songs": None}, r"header\.n_songs is None; it must be a whole number"),
        (
            lambda header: {**header, "spec": {"tracks": [1]}},
            r"header\.spec\.tracks\[0\] is 1; it must be a table",
        ),
        (without("licences"), r"header\.licences is missing"),
    ],
)
def test_a_header_that_does_not_fit_names_its_field(dataset, tmp_path, change, says):
    with pytest.raises(DatasetError, match=rf"a\.npz.*{says}"):
        Dataset(changed(dataset, tmp_path / "a.npz", header=change))


@pytest.mark.parametrize("field", ["style", "licence"])
@pytest.mark.parametrize("number", [-2, 99])
def test_labels_that_there_are_not(dataset, tmp_path, field, number):
    songs = np.array(dataset.songs)
    songs[field][-1] = number
    with pytest.raises(DatasetError, match=f"a song has a {field} that there is not"):
        Dataset(changed(dataset, tmp_path / "a.npz", songs=songs))


def test_flips_of_the_head_are_told_in_one_sentence(dataset, tmp_path):
    data, rng = dataset.path.read_bytes(), np.random.default_rng(0)
    place = data.index(b"header.npy")
    for _ in range(60):
        out = bytearray(data)
        for index in rng.integers(place - 40, place + 400, 3):
            out[index] = rng.integers(256)
        for index in rng.integers(len(out) - 600, len(out), rng.integers(2)):
            out[index] = rng.integers(256)
        (tmp_path / "a.npz").write_bytes(out)
        try:
            Dataset(tmp_path / "a.npz")
        except DatasetError as error:
            assert "damaged" in str(error)  # noqa: PT017 - most flips are told, a few do no harm


def test_verify_finds_a_flipped_bit_and_wrong_numbers(dataset, tmp_path):
    out = bytearray(dataset.path.read_bytes())
    out[out.index(b"notes.npy") + 4000] ^= 1
    (tmp_path / "flipped.npz").write_bytes(out)
    with pytest.raises(DatasetError, match=r"checksum of 'notes\.npy'"):
        verify_dataset(Dataset(tmp_path / "flipped.npz"))
    for field, value in (("pitch", 99), ("track", 7), ("duration", 77)):
        notes = np.array(dataset.notes)
        notes[field][5] = value
        with pytest.raises(DatasetError, match="a note is"):
            verify_dataset(Dataset(changed(dataset, tmp_path / "a.npz", notes=notes)))
    order = np.array(dataset.bar_offsets)
    order[3] += 50
    with pytest.raises(DatasetError, match="not in order"):
        verify_dataset(Dataset(changed(dataset, tmp_path / "a.npz", bar_offsets=order)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_no_sources(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    os.mkfifo(tmp_path / "x.mid")
    assert find_files([tmp_path]) == []
    with pytest.raises(DatasetError, match="neither a file nor a folder"):
        find_files([tmp_path / "x.zip"])


def test_descriptions_of_entries_are_no_bombs(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.mid")
        info.size, info.pax_headers = 4, {"comment": "x" * (2 << 20)}
        archive.addfile(info, io.BytesIO(b"MThd"))
    assert [item.problem for item in read_items(find_files([path]))] == ["archive expands too far"]


def _slow(task):
    if task == b"slow":
        time.sleep(1.5)
    return len(task)


def test_large_tasks_do_not_pile_up_behind_a_slow_one():
    waiting = []

    def tasks():
        yield b"slow"
        for index in range(40):
            waiting.append(index)
            yield bytes(8 << 20)

    results = map_in_order(_slow, tasks(), 2, 60, len)
    assert next(results)[1] == 4
    assert len(waiting) < 16
    assert sum(1 for _ in results) == 40


def test_killed_preparations_are_cleaned_by_the_next(tmp_path):
    (tmp_path / "a.mid").write_bytes(band())
    command = [sys.executable, "-m", "musegan", "prepare", "a.mid", "-o", "d.npz", "--workers", "1"]
    killed = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1000):
        time.sleep(0.01)
        if list(tmp_path.glob(".*/notes")):
            break
    killed.kill()
    killed.wait()
    for path in tmp_path.rglob("*"):
        os.utime(path, (1e9, 1e9))  # it was killed a while ago
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mid", "d.npz", "d.npz.log"]


def test_members_that_are_too_large_are_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.mid", bytes(2 << 20))
        archive.writestr("b.mid", band())
    assert [item.problem for item in read_items(find_files([tmp_path / "a.zip"]))] == ["too large", ""]

"""Preparing whole corpora: the same bytes however it is done, every file accounted for, no kill harmful."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from midibytes import band, meter, notes, program, smf, track
from songs import TRIO

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.corpus.parallel import Lost, map_in_order
from musegan.corpus.prepare import choose_split, prepare
from musegan.corpus.songs import hash_family, hash_onsets, read_song
from musegan.corpus.sources import Item
from musegan.errors import ConfigError, DatasetError
from musegan.midi.quantize import quantize_score
from musegan.midi.read import read_score


def melody(seed, n_notes=60, shift=0, edit=None):
    """A tune of quarter notes over drums, alike in `seed` but for what is asked."""
    rng = random.Random(seed)
    pitches = [rng.choice((36, 38, 40, 41, 43, 45, 47, 48, 50, 52)) + shift for _ in range(n_notes)]
    if edit is not None:
        pitches[edit] += 1
    rows = [(i * 96, i * 96 + 90, pitch) for i, pitch in enumerate(pitches)]
    drums = [(i * 96, i * 96 + 24, 36 + i % 2) for i in range(n_notes)]
    return smf(track([(0, meter(4, 4)), (0, program(2)), *notes(*rows)]), track(notes(*drums, channel=9)))


def write_corpus(folder, n_songs=5):
    """Songs, and one file of each kind of trouble. Returns the folder."""
    folder.mkdir()
    names = [f"song {i}.mid" for i in range(n_songs)]
    for i, name in enumerate(names):
        (folder / name).write_bytes(melody(i, 40 + 9 * i))
    (folder / "deep").mkdir()
    (folder / "deep" / "copy.mid").write_bytes(melody(0, 40))
    (folder / "clipped.mid").write_bytes(melody(77).replace(b"\xc0\x02", b"\xc0\xff"))
    (folder / "text.mid").write_bytes(b"hello")
    (folder / "empty.mid").write_bytes(b"")
    (folder / "waltz.mid").write_bytes(smf(track([(0, meter(3, 4)), *notes((0, 9, 60))])))
    return folder


def test_every_file_is_accounted_for(tmp_path):
    output = tmp_path / "out" / "d.npz"
    seen = []
    report = prepare(
        [write_corpus(tmp_path / "c")],
        output,
        TRIO,
        workers=2,
        progress=lambda done, known: seen.append((done, known)),
    )
    assert (report.files, report.read, report.songs, report.duplicates) == (10, 7, 6, 1)
    assert report.skipped == {"empty file": 1, "not a MIDI file": 1, "no bars of 4 quarter notes": 1}
    assert report.repaired == {"data bytes clipped": 1}
    assert seen[-1] == (10, 10)
    dataset = Dataset(output)
    names = [dataset.song_name(i) for i in range(dataset.n_songs)]
    assert names == ["c/clipped.mid", "c/deep/copy.mid", *(f"c/song {i}.mid" for i in range(1, 5))]
    assert dataset.songs["source"].tolist() == [0, 1, 2, 3, 4, 5]
    assert (report.bars, report.stretches, report.notes) == (dataset.n_bars, 6, len(dataset.notes))
    assert report.phrases == sum(len(dataset.windows(4, split, 0)) for split in SPLITS)
    clipped = dataset.songs["bar_end"][0] / dataset.n_bars  # its program became 127, which is a bass of TRIO
    assert report.tracks == pytest.approx({"drums": 1.0, "keys": 1 - clipped, "bass": clipped}, abs=1e-4)
    log = (tmp_path / "out" / "d.npz.log").read_text().splitlines()
    assert [line.split("\t")[:3] for line in log] == [
        ["repaired", "data bytes clipped", "c/clipped.mid"],
        ["skipped", "empty file", "c/empty.mid"],
        ["duplicate", "same notes as an earlier file", "c/song 0.mid"],
        ["skipped", "not a MIDI file", "c/text.mid"],
        ["skipped", "no bars of 4 quarter notes", "c/waltz.mid"],
    ]
    assert sorted(os.listdir(tmp_path / "out")) == ["d.npz", "d.npz.log"]
    assert json.loads(json.dumps(report.to_dict()))["songs"] == 6


def test_neither_workers_nor_order_change_the_bytes(tmp_path):
    first = write_corpus(tmp_path / "a", 12)
    second = write_corpus(tmp_path / "b", 3)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("more.mid", melody(99))
    runs = [([first, second, tmp_path / "z.zip"], 1), ([tmp_path / "z.zip", second, first], 3)]
    outputs = []
    for number, (sources, workers) in enumerate(runs):
        outputs.append(tmp_path / f"{number}.npz")
        prepare(sources, outputs[-1], TRIO, workers=workers, seed=3)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert outputs[0].with_name("0.npz.log").read_text() == outputs[1].with_name("1.npz.log").read_text()


def test_stretches_of_a_file_share_source_and_split(tmp_path):
    heads = [(bar * 384, meter(4 - (bar == 3), 4)) for bar in range(8)]
    lines = notes(*((bar * 384, bar * 384 + 24, 40 + bar) for bar in range(8)))
    (tmp_path / "cut.mid").write_bytes(smf(track([*heads, (0, program(2)), *lines])))
    (tmp_path / "other.mid").write_bytes(melody(1))
    report = prepare([tmp_path / "cut.mid", tmp_path / "other.mid"], tmp_path / "d.npz", TRIO, workers=1)
    songs = Dataset(tmp_path / "d.npz").songs
    assert songs["source"].tolist() == [0, 0, 1]
    assert len(set(songs["split"][:2].tolist())) == 1
    assert (report.songs, report.stretches) == (2, 3)


def test_labels_win(tmp_path):
    folder = write_corpus(tmp_path / "c")
    labels = tmp_path / "labels.csv"
    lines = ("file,split,style,licence", "song 1.mid,valid,folk,CC0", "c/song 2.mid,train,,", "song 3.mid,test,,")
    labels.write_text("\n".join(lines))
    options = {"labels": labels, "valid_fraction": 0.9, "test_fraction": 0.0}
    report = prepare([folder], tmp_path / "d.npz", TRIO, workers=1, **options)
    dataset = Dataset(tmp_path / "d.npz")
    rows = {dataset.song_name(i): dataset.songs[i] for i in range(dataset.n_songs)}
    assert rows["c/song 1.mid"]["split"] == 1
    assert rows["c/song 2.mid"]["split"] == 0
    assert rows["c/song 3.mid"]["split"] == 2
    assert (report.valid_songs, report.test_songs) == (sum(row["split"] == 1 for row in rows.values()), 1)
    assert dataset.header["licences"] == ["CC0"]
    assert [rows[f"c/song {i}.mid"]["style"] for i in (1, 2)] == [0, -1]


def read(data):
    return quantize_score(read_score(data), TRIO)


def test_copies_are_known_by_their_notes():
    base, spec = melody(5), TRIO
    assert hash_onsets(read(base)) == hash_onsets(read(base.replace(bytes([80, 0]), bytes([80, 0]))))
    assert hash_onsets(read(base)) != hash_onsets(read(melody(5, shift=1)))
    assert hash_onsets(read(base)) != hash_onsets(read(melody(5, edit=7)))
    assert hash_family(read(base), spec) == hash_family(read(melody(5, shift=5)), spec)
    same = [hash_family(read(melody(s)), spec) == hash_family(read(melody(s, edit=30)), spec) for s in range(40)]
    assert 25 <= sum(same) < 40  # 52 of 61 patterns are in both
    assert len({hash_family(read(melody(s)), spec) for s in range(40)}) == 40
    drums_only = read(smf(track(notes((0, 24, 36), (96, 120, 38), channel=9))))
    assert hash_family(drums_only, spec) == hash_onsets(drums_only)


def test_the_split_depends_on_the_song_and_the_seed_alone():
    families = [int(value) for value in np.random.default_rng(0).integers(0, 2**63, 3000)]
    valid = [choose_split(value, 0, 0.2, 0.1) == "valid" for value in families]
    assert 500 < sum(valid) < 700
    assert valid == [choose_split(value, 0, 0.2, 0.1) == "valid" for value in families]
    more = [choose_split(value, 0, 0.3, 0.1) == "valid" for value in families]
    assert all(b for a, b in zip(valid, more, strict=True) if a)  # what was valid stays so
    assert valid != [choose_split(value, 1, 0.2, 0.1) == "valid" for value in families]
    assert {choose_split(value, 0, 0.0, 0.0) for value in families} == {"train"}
    test = [choose_split(value, 0, 0.2, 0.1) == "test" for value in families]
    assert 240 < sum(test) < 360
    assert test == [choose_split(value, 0, 0.4, 0.1) == "test" for value in families]


def test_songs_are_left_to_train_on(tmp_path):
    with pytest.raises(ConfigError, match="no songs to train on") as caught:
        prepare(
            [write_corpus(tmp_path / "c", 2)],
            tmp_path / "d.npz",
            TRIO,
            workers=1,
            valid_fraction=0.5,
            test_fraction=0.5,
        )
    assert caught.value.field == "test_fraction"


def test_a_song_keeps_its_side_when_files_are_added(tmp_path):
    sides = []
    for n_songs in (4, 11):
        prepare(
            [write_corpus(tmp_path / str(n_songs), n_songs)],
            tmp_path / "d.npz",
            TRIO,
            workers=1,
            valid_fraction=0.5,
        )
        dataset = Dataset(tmp_path / "d.npz")
        sides.append(
            {dataset.song_name(i).split("/")[-1]: int(dataset.songs["split"][i]) for i in range(dataset.n_songs)}
        )
    assert sides[0].items() <= sides[1].items()
    assert set(sides[1].values()) == {0, 1}


def test_nothing_usable_is_an_error_with_the_reasons(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    with pytest.raises(DatasetError, match="no music files"):
        prepare([folder], tmp_path / "d.npz", TRIO, workers=1)
    (folder / "a.mid").write_bytes(b"hello")
    (folder / "b.mid").write_bytes(b"world")
    (folder / "c.mid").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"none of the 3 files .*2 not a MIDI file, 1 empty file"):
        prepare([folder], tmp_path / "d.npz", TRIO, workers=1)
    assert os.listdir(tmp_path) == ["c"]


def test_unused_notes_are_counted():
    parts = [*notes((0, 24, 60), (24, 48, 100)), *notes((0, 24, 36), channel=9), (1600, meter(3, 4))]
    data = smf(track([(0, meter(4, 4)), *parts, *notes((1700, 1710, 62))]))
    assert read_song(Item("x.mid", data), TRIO).n_unused == 2  # one is too high, one in 3/4


def test_why_a_song_does_not_fit():
    def reason(data, spec=TRIO):
        lost = read_song(Item("x.mid", data), spec)
        assert isinstance(lost, Lost)
        return lost.reason

    three = dataclasses.replace(TRIO, beats_per_bar=3)
    no_drums = dataclasses.replace(TRIO, tracks=TRIO.tracks[1:])
    assert reason(band(), three) == "no bars of 3 quarter notes"
    assert reason(smf(track(notes((0, 9, 36), channel=9))), no_drums) == "no instrument of the ensemble"
    assert reason(smf(track(notes((0, 9, 100))))) == "no notes of the ensemble in its meter and range"
    assert read_song(Item("x.mid", None, "encrypted"), TRIO) == Lost("encrypted")


def trouble(task):
    """Does what it is told; runs in a worker."""
    if task == "crash":
        os._exit(1)
    if task == "hang":
        time.sleep(60)
    if task == "raise":
        raise ValueError("told to")
    return task * 2


def test_workers_survive_what_a_task_does():
    tasks = [*range(20), "crash", *range(20, 30), "hang", "raise", *range(30, 45), "crash"]
    results = list(map_in_order(trouble, tasks, 2, time_limit=1.5))
    assert [task for task, _ in results] == tasks
    lost = {"crash": "crashed the reader", "hang": "took too long", "raise": "unexpected ValueError"}
    for task, result in results:
        assert result.reason == lost[task] if task in lost else result == task * 2


def test_tasks_are_taken_as_they_are_needed():
    taken = []

    def tasks():
        for number in range(100_000):
            taken.append(number)
            yield number

    results = map_in_order(trouble, tasks(), 1, time_limit=60)
    assert next(results) == (0, 0)
    assert len(taken) < 200
    results.close()


KILLED = """
import sys
from pathlib import Path
from musegan.cli import app
if __name__ == "__main__":
    app(["prepare", sys.argv[1], "-o", sys.argv[2], "--force", "--workers", "1"])
"""


def test_a_kill_leaves_the_old_file(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    for i in range(1500):
        (folder / f"{i}.mid").write_bytes(melody(i))
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    output = tmp_path / "d.npz"
    output.write_bytes(b"the old file")
    process = subprocess.Popen([sys.executable, script, folder, output], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in tmp_path.glob(".d.npz.*/notes")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert output.read_bytes() == b"the old file"
    assert not (tmp_path / "d.npz.log").exists()
    prepare([write_corpus(tmp_path / "again")], output, TRIO, workers=1)
    assert Dataset(output).n_songs == 6

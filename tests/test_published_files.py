"""The list of the files of the bundled model, and the script that gathers them."""

import csv
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

from musegan.corpus.labels import Labels

DATA = Path(__file__).parents[1] / "data"


def test_the_list_names_every_file_once_with_its_split_and_licence():
    with open(DATA / "FILES.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "sha256", "split", "licence", "origin"]
    assert [row["file"] for row in rows] == sorted({row["file"] for row in rows})
    assert len({row["sha256"] for row in rows}) == len(rows) == 5208
    assert all(re.fullmatch("[0-9a-f]{64}", row["sha256"]) for row in rows)
    assert all(row["licence"] and row["origin"] for row in rows)
    assert Counter(row["split"] for row in rows) == {"train": 4675, "valid": 264, "test": 269}
    first = Labels.load(DATA / "FILES.csv").find_label(rows[0]["file"])  # it serves `musegan prepare` as labels
    assert (first.split, first.licence) == (rows[0]["split"], rows[0]["licence"])


def test_files_are_gathered_by_their_hash_from_folders_and_archives(tmp_path):
    songs = sorted((DATA / "sample").glob("*.mid"))[:4]
    rows = [("a/one.mid", songs[0]), ("a/two.mid", songs[1]), ("b/three.mid", songs[2]), ("b/four.mid", None)]
    hashes = ["0" * 64 if song is None else hashlib.sha256(song.read_bytes()).hexdigest() for _, song in rows]
    lines = [f"{name},{digest}" for (name, _), digest in zip(rows, hashes, strict=True)]
    (tmp_path / "list.csv").write_text("\n".join(["file,sha256", *lines]))
    (tmp_path / "here").mkdir()
    shutil.copy(songs[0], tmp_path / "here" / "other name.mid")
    shutil.copy(songs[3], tmp_path / "here" / "not listed.mid")
    with zipfile.ZipFile(tmp_path / "there.zip", "w") as archive:
        archive.write(songs[1], "deep/down.mid")
        archive.write(songs[2], "3.mid")
    command = [sys.executable, DATA / "gather_files.py", "here", "there.zip", "-o", "corpus", "--list", "list.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["3 of 4 files are in corpus", "1 of b are missing"], done.stderr
    gathered = {path.relative_to(tmp_path / "corpus").as_posix(): path for path in tmp_path.glob("corpus/*/*")}
    assert sorted(gathered) == ["a/one.mid", "a/two.mid", "b/three.mid"]
    for name, song in rows[:3]:
        assert gathered[name].read_bytes() == song.read_bytes()

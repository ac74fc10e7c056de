"""Labels that hold out whole tunes: of songs that share a melody, all are trained on or none.

    python data/split_by_tune.py DATASET LABELS.csv [--share 0.1]

Bach set many hymn tunes several times, and a split by chorale would test on melodies that were trained on. Two
songs belong together when a tenth of the runs of ten melodic intervals of the shorter one are in the other too, in
any key; the melody is the first track. What is held out is about half for validation and half for tests. Use the
labels in a second `musegan prepare --labels`.
"""

from __future__ import annotations

import argparse
import csv
from hashlib import blake2b
from itertools import combinations

import numpy as np

from musegan.corpus.dataset import Dataset
from musegan.music.pianoroll import ONSET

RUN = 10  # intervals
COMMON = 0.1  # share of the runs that tells a tune

Runs = set[tuple[int, ...]]


def runs(dataset: Dataset, song: int) -> Runs:
    """All runs of intervals of the melody: the highest note that begins at each step."""
    first, end = int(dataset.song_starts[song]), int(dataset.songs["bar_end"][song])
    onsets = dataset.rolls(np.array([first]), end - first)[0, 0] == ONSET
    steps = onsets.reshape(-1, dataset.spec.n_pitches)
    line = (dataset.spec.n_pitches - 1 - steps[:, ::-1].argmax(1))[steps.any(1)]
    intervals = np.diff(line).tolist()
    return {tuple(intervals[i : i + RUN]) for i in range(len(intervals) - RUN + 1)}


def groups(tunes: dict[str, Runs]) -> list[list[str]]:
    """Names of songs with a tune in common, directly or by others."""
    leader = {name: name for name in tunes}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for (a, mine), (b, theirs) in combinations(tunes.items(), 2):
        if len(mine & theirs) > COMMON * max(min(len(mine), len(theirs)), 1):
            leader[find(b)] = find(a)
    found: dict[str, list[str]] = {}
    for name in tunes:
        found.setdefault(find(name), []).append(name)
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("labels")
    parser.add_argument("--share", type=float, default=0.1, help="of the songs that are held out")
    options = parser.parse_args()
    dataset = Dataset(options.dataset)
    tunes: dict[str, Runs] = {}
    for song in range(dataset.n_songs):
        tunes.setdefault(dataset.song_name(song), set()).update(runs(dataset, song))
    found = groups(tunes)
    found.sort(key=lambda names: blake2b(min(names).encode()).digest())
    n_songs = {"train": 0, "valid": 0, "test": 0}
    with open(options.labels, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "split"])
        for names in found:
            is_held_out = n_songs["valid"] + n_songs["test"] < options.share * len(tunes)
            split = min("valid", "test", key=n_songs.__getitem__) if is_held_out else "train"
            n_songs[split] += len(names)
            writer.writerows((name, split) for name in sorted(names))
    largest = max(map(len, found))
    counts = ", ".join(f"{n} {split}" for split, n in n_songs.items())
    print(f"{len(tunes)} songs of {len(found)} tunes, up to {largest} of one: {counts}")


if __name__ == "__main__":
    main()

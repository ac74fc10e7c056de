"""Is the melody found? On songs in which one part is called melody or vocals, with the names hidden.

    python benchmarks/melody.py FOLDER... [--files 2000] [--seed 0] [--fit]

Of the MIDI files in the folders, those count that have three pitched parts or more, exactly one of them with such
a name. Prints how often that part is chosen by `musegan.midi.melody`, by the highest mean pitch, and by chance;
and how many notes of the melody are in the skyline of all pitched parts together. Only half of the files (by a
checksum) are measured: to the other half the weights were fitted, which `--fit` repeats.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from musegan.errors import MidiError
from musegan.midi.melody import describe_part, extract_skyline, score_melodies
from musegan.midi.part_names import is_named_melody
from musegan.midi.read import read_bytes, read_score
from musegan.midi.score import Part, Score

FEWEST_NOTES = 30  # of the part that has the melody
L2 = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    paths = sorted(path for folder in options.folders for path in folder.rglob("*.mid"))
    chosen = np.random.default_rng(options.seed).permutation(len(paths))[: options.files]
    songs = [song for index in chosen if (song := load_song(paths[index], 0 if options.fit else 1))]
    if options.fit:
        print(f"weights fitted to {len(songs)} songs: {fit_weights(songs).round(2).tolist()}")
        return
    right = [
        score_melodies(score.parts, score.ticks_per_beat, by_name=False).argmax() == row for score, row in songs
    ]
    highest = [find_highest_part(score) == row for score, row in songs]
    chance = [1 / len(list_pitched_parts(score)) for score, _ in songs]
    print(f"{len(songs)} songs\nchosen by its notes: {format_rate(right)}")
    print(f"highest mean pitch:  {format_rate(highest)}")
    print(f"chance:              {np.mean(chance):.3f}")
    found = [measure_notes_found(score, score.parts[row]) for score, row in songs]
    print(f"notes of the melody in the skyline of all parts: {np.mean(found):.3f}")


def load_song(path: Path, half: int) -> tuple[Score, int] | None:
    """The score and the index of its melody, of files of one half that tell it."""
    try:
        data = read_bytes(path)
        score = read_score(data, str(path)) if zlib.crc32(data) % 2 == half else None
    except MidiError:
        return None
    if score is None or len(list_pitched_parts(score)) < 3:
        return None
    named = [index for index in list_pitched_parts(score) if is_named_melody(score.parts[index].name)]
    return (score, named[0]) if len(named) == 1 and len(score.parts[named[0]].start) >= FEWEST_NOTES else None


def list_pitched_parts(score: Score) -> list[int]:
    return [index for index, part in enumerate(score.parts) if not part.is_drum]


def find_highest_part(score: Score) -> int:
    return max(list_pitched_parts(score), key=lambda index: float(score.parts[index].pitch.mean()))


def format_rate(values: list) -> str:
    return f"{np.mean(values):.3f} ±{1.96 * np.std(values) / np.sqrt(len(values)):.3f}"


def measure_notes_found(score: Score, melody: Part) -> float:
    """Share of the notes of the melody, by onset and pitch, that are in the skyline of everything."""
    parts = [score.parts[index] for index in list_pitched_parts(score)]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("start", "end", "pitch", "velocity")
    }
    line = extract_skyline(replace(melody, **columns), score.ticks_per_beat)
    found = set(zip(line.start.tolist(), line.pitch.tolist(), strict=True))
    own = list(zip(melody.start.tolist(), melody.pitch.tolist(), strict=True))
    return float(np.mean([note in found for note in own]))


def describe_features(score: Score, index: int) -> np.ndarray:
    return describe_part(score.parts[index], score.ticks_per_beat, score.end_tick)


def fit_weights(songs: list[tuple[Score, int]], n_steps: int = 2000) -> np.ndarray:
    """Weights of a softmax over the parts of each song, by gradient ascent."""
    rows = [
        (
            np.array([describe_features(s, index) for index in list_pitched_parts(s)]),
            list_pitched_parts(s).index(row),
        )
        for s, row in songs
    ]
    scale = np.concatenate([features for features, _ in rows]).std(0)
    weights = np.zeros(len(scale))
    for _ in range(n_steps):
        gradient = -L2 * len(rows) * weights
        for features, right in rows:
            scores = features / scale @ weights
            shares = np.exp(scores - scores.max())
            gradient += features[right] / scale - shares / shares.sum() @ features / scale
        weights += 0.5 * gradient / len(rows)
    return weights / scale


if __name__ == "__main__":
    main()

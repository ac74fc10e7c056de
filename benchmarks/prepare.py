"""Preparing a corpus: files a second on one core, beside the peers and beside bare parsing; and reading windows.

    python benchmarks/prepare.py FOLDER_OF_MIDI_FILES [--files 60]

All readers get the same files in one run; CPU time is counted. Needs pypianoroll for the comparison with it
(pip install pypianoroll); the others come with the package. Aims: 25 times the peers, at most 4 times the time
of the bare parse.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pretty_midi
import symusic

from musegan.corpus import prepare
from musegan.corpus.dataset import Dataset
from musegan.corpus.packing import DatasetWriter, Song
from musegan.corpus.parallel import Lost
from musegan.corpus.songs import read_song
from musegan.corpus.sources import Item, find_files
from musegan.music.spec import BAND

try:
    import pypianoroll
except ImportError:
    pypianoroll = None


def measure_cpu_ms(readers: dict[str, Callable[[str], object]], paths: list[str], rounds: int) -> dict[str, float]:
    """CPU milliseconds a file of each reader, the best of some rounds in which all take their turn."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read in readers.items():
            began = time.process_time()
            for path in paths:
                read(path)
            times[name].append(time.process_time() - began)
    return {name: min(values) / len(paths) * 1000 for name, values in times.items()}


def read_with_symusic(path: str) -> object:
    return symusic.Score.from_midi(Path(path).read_bytes(), ttype="tick")


def read_with_pretty_midi(path: str) -> object:
    midi = pretty_midi.PrettyMIDI(path)
    return [instrument.get_piano_roll(fs=24) for instrument in midi.instruments]


def read_with_pypianoroll(path: str) -> object:
    return pypianoroll.read(path, resolution=BAND.steps_per_beat)


def prepare_with_musegan(writer: DatasetWriter) -> Callable[[str], None]:
    def work(path: str) -> None:
        song = read_song(Item(path, path), BAND)
        if isinstance(song, Lost):
            return
        for stretch in song.stretches:
            writer.add(
                Song(
                    name=path,
                    source=0,
                    n_bars=stretch.n_bars,
                    notes=stretch.notes,
                    feel_sums=stretch.feel_sums,
                    tempo_qpm=stretch.tempo_qpm,
                )
            )

    return work


def measure_windows_per_second(dataset: Dataset, seconds: float = 2.0, batch: int = 64, n_bars: int = 4) -> float:
    """Random transposed windows drawn as rolls."""
    rng = np.random.default_rng(0)
    starts = dataset.windows(n_bars, "train")
    n_windows, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        dataset.rolls(rng.choice(starts, batch), n_bars, rng.integers(-6, 6, batch))
        n_windows += batch
    return n_windows / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=60, help="files that every reader gets")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = [
        found.path for found in find_files([arguments.folder]) if found.path.lower().endswith((".mid", ".midi"))
    ]
    chosen = paths[:: max(len(paths) // arguments.files, 1)][: arguments.files]
    with TemporaryDirectory() as folder:
        with DatasetWriter(Path(folder) / "few.npz", BAND) as writer:
            times = measure_cpu_ms(
                {"bare symusic parse": read_with_symusic, "musegan prepare": prepare_with_musegan(writer)},
                chosen,
                9,
            )
        peers: dict[str, Callable[[str], object]] = {"pretty_midi + get_piano_roll": read_with_pretty_midi}
        if pypianoroll is None:
            print("pypianoroll is not installed: left out (pip install pypianoroll)")
        else:
            peers["pypianoroll.read"] = read_with_pypianoroll
        times |= measure_cpu_ms(peers, chosen, 1)
        mine = times["musegan prepare"]
        print(f"{len(chosen)} files on one core, CPU time")
        for name, value in times.items():
            print(f"{name:30} {value:8.2f} ms a file {1000 / value:8.1f} files/s {value / mine:7.2f} x our time")
        report = prepare([arguments.folder], Path(folder) / "all.npz", BAND)
        print(f"whole folder, all cores: {report.files} files in {report.seconds:.1f} s")
        rate = measure_windows_per_second(Dataset(report.dataset))
        print(f"random windows of 4 bars: {rate:.0f} a second on one core")


if __name__ == "__main__":
    main()

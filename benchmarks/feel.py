"""Velocities and timing of written, humanised files beside those of a corpus.

Takes rolls from the validation songs of a dataset (or from a model), writes them with the feel table of the
dataset, reads the files back and compares, a line a track: the mean of the velocity, its spread over all notes,
its spread within one piece, and how much later than the grid notes are played, in steps. What the corpus has is
counted from the MIDI files in CORPUS, where that is given, and otherwise from the table of the dataset.

    python benchmarks/feel.py DATASET [--corpus FOLDER] [--model MODEL] [--pieces 100] [--humanize 1.0]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import Dataset
from musegan.errors import MidiError
from musegan.files import MIDI_SUFFIXES
from musegan.midi import read_notes, write_midi
from musegan.midi.notes import GridNotes
from musegan.midi.quantize import drop_out_of_range, gather_notes
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec

Played = tuple[NDArray, NDArray, NDArray, NDArray]
"""Of the notes of a file: track, step of the bar, velocity, steps late."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--corpus", type=Path, help="folder of MIDI files to compare with")
    parser.add_argument("--model", help="compose the pieces instead of taking them from the dataset")
    parser.add_argument("--pieces", type=int, default=100)
    parser.add_argument("--humanize", type=float, default=1.0)
    options = parser.parse_args()
    dataset = Dataset(options.dataset)
    pieces = (
        compose_pieces(options.model, options.pieces)
        if options.model
        else read_real_pieces(dataset, options.pieces)
    )
    written = [play_piece(piece, options.humanize) for piece in pieces]
    report_files("written", written, dataset.spec)
    if options.corpus:
        report_files("corpus", read_files(options.corpus, dataset.spec, options.pieces), dataset.spec)
    else:
        report_table(dataset)


def read_real_pieces(dataset: Dataset, count: int, n_bars: int = 16) -> list[Piece]:
    rng = np.random.default_rng(0)
    windows = dataset.windows(n_bars, "valid")
    rolls = dataset.rolls(rng.choice(windows, min(count, len(windows)), replace=False), n_bars)
    return [
        Piece(roll=drop_orphan_holds(roll, dataset.spec), spec=dataset.spec, feel=dataset.feel, seed=seed)
        for seed, roll in enumerate(rolls)
    ]


def compose_pieces(name: str, count: int) -> list[Piece]:
    from musegan.composing.model import load_model

    model = load_model(name)
    return [model.generate(16, seed=seed) for seed in range(count)]


def play_piece(piece: Piece, humanize: float) -> Played:
    with tempfile.TemporaryDirectory() as folder:
        path = write_midi(piece, Path(folder) / "piece.mid", humanize=humanize)
        try:
            return measure_file(read_notes(path, piece.spec), piece.spec)
        except MidiError:  # a silent piece
            return tuple(np.empty(0) for _ in range(4))


def read_files(folder: Path, spec: RollSpec, count: int) -> list[Played]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MIDI_SUFFIXES)
    found = []
    for index in np.random.default_rng(0).permutation(len(files)).tolist():
        try:
            found.append(measure_file(read_notes(files[index], spec), spec))
        except MidiError:
            continue
        if len(found) == count:
            break
    return found


def measure_file(grid: GridNotes, spec: RollSpec) -> Played:
    ticks, _ = drop_out_of_range(gather_notes(grid.score.parts, grid.mapping), spec)
    ruler = grid.ruler(spec)
    steps, is_inside = ruler.steps_of(ticks.start)
    ticks, steps = ticks[is_inside], steps[is_inside]
    bar, step = np.divmod(steps, spec.steps_per_bar)
    late = (ticks.start - ruler.begins[bar]) / ruler.step - step
    return ticks.track, step, ticks.velocity.astype(float), late


def report_files(title: str, files: list[Played], spec: RollSpec) -> None:
    print(f"\n{title}: {len(files)} files")
    print("track     notes  velocity  spread  within a piece  p5-p95     late   spread  p5-p95")
    for index, name in enumerate(spec.track_names):
        rows = [(velocity[track == index], late[track == index]) for track, _, velocity, late in files]
        rows = [row for row in rows if len(row[0])]
        if not rows:
            continue
        velocity, late = (np.concatenate(column) for column in zip(*rows, strict=True))
        within = np.sqrt(np.average([v.var() for v, _ in rows], weights=[len(v) for v, _ in rows]))
        low, high = np.percentile(velocity, (5, 95))
        early, tardy = np.percentile(late, (5, 95))
        print(
            f"{name:8} {len(velocity):6}  {velocity.mean():8.1f}  {velocity.std():6.1f}  {within:14.1f}  "
            f"{low:3.0f}-{high:3.0f}  {late.mean():7.3f}  {late.std():6.3f}  {early:.2f} to {tardy:.2f}"
        )


def report_table(dataset: Dataset) -> None:
    print("\ntable of the dataset, mean over the steps of the bar")
    print("track     velocity  spread    late  spread")
    for name, rows in zip(dataset.spec.track_names, dataset.feel, strict=True):
        velocity, spread, late, late_spread = np.nanmean(rows, axis=0)
        print(f"{name:8}  {velocity:8.1f}  {spread:6.1f}  {late:6.3f}  {late_spread:6.3f}")


if __name__ == "__main__":
    main()

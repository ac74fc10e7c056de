"""Is a cell that comes from another song found? `musegan explain` on real songs in which one cell is foreign.

    python benchmarks/explain.py DATASET [--model band] [--songs 200] [--bars 4] [--seed 0]

In a phrase of each held-out song, one cell (a bar of a track) is that of the same track in another song, as it is
there, and in the same key (both songs moved to C major or A minor). Prints how often that cell is ranked first
among those that sound, and its mean rank (0 first, 1 last); beside it chance, and the same cells of the songs as
they were.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import musegan
from musegan.corpus.dataset import Dataset
from musegan.music.key import canonical_shifts
from musegan.music.note_table import keep_notes
from musegan.music.piece import Piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--songs", type=int, default=200)
    parser.add_argument("--bars", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset, model = Dataset(options.dataset), musegan.load_model(options.model)
    rng = np.random.default_rng(options.seed)
    starts = rng.permutation(dataset.windows(options.bars, "valid", 3))
    _, firsts = np.unique(dataset.song_of(starts), return_index=True)
    starts = rng.permutation(starts[firsts])[: options.songs]
    shifts = canonical_shifts(dataset.songs["pitch_classes"][dataset.song_of(starts)])
    print(f"{'':34} {'ranked first':16} chance   mean rank (0 first)")
    for label, moved in (("foreign, in its own key", np.zeros_like(shifts)), ("foreign, in the same key", shifts)):
        rolls = keep_notes(dataset.rolls(starts, options.bars, moved), dataset.spec)
        cells, mixed = insert_foreign_bars(rolls, np.random.default_rng(options.seed + 1))
        report_ranks(model, label, mixed, cells)
        report_ranks(model, "  the same cells as they were", rolls, cells)


def insert_foreign_bars(
    rolls: np.ndarray, rng: np.random.Generator
) -> tuple[list[tuple[int, int] | None], np.ndarray]:
    """A cell of each piece that sounds in the next piece too, and pieces in which it is that of the next."""
    mixed, cells = rolls.copy(), []
    sounds = rolls.any((3, 4))
    for index, other in enumerate(np.roll(np.arange(len(rolls)), -1).tolist()):
        places = np.argwhere(sounds[index] & sounds[other])
        if not len(places):
            cells.append(None)
            continue
        track, bar = (int(place) for place in places[rng.integers(len(places))])
        mixed[index, track, bar] = rolls[other, track, bar]
        cells.append((track, bar))
    return cells, mixed


def report_ranks(model: musegan.Model, label: str, rolls: np.ndarray, cells: list) -> None:
    first, chance, ranks = [], [], []
    for roll, cell in zip(keep_notes(rolls, model.spec), cells, strict=True):
        if cell is None or not roll[cell].any():
            continue
        surprise = model.explain(Piece(roll=roll, spec=model.spec)).surprise
        heard = surprise[~np.isnan(surprise)]
        if len(heard) > 1:
            rank = int((heard > surprise[cell]).sum())
            first.append(rank == 0)
            chance.append(1 / len(heard))
            ranks.append(rank / (len(heard) - 1))
    error = 1.96 * np.std(first) / np.sqrt(len(first))
    print(f"{label:34} {np.mean(first):.3f} ±{error:.3f}     {np.mean(chance):.3f}    {np.mean(ranks):.3f}")


if __name__ == "__main__":
    main()

"""Does the band play together? Accompaniments, free pieces, given chords, swing and long pieces beside real songs.

    python benchmarks/together.py DATASET [--model band] [--songs 16] [--seed 0]

Each row is the mean over held-out songs with a 95 % interval, beside what the songs' own tracks do:

- how much composed tracks move with a kept piano, and a composed bass with the rest of free pieces of 16 bars
  (`musegan.metrics.agreement.moves_together`);
- the share of the sounding time on tones of the chords that were asked for: those of held-out songs;
- in how many songs the parts around drums and bass swing where these are straight, or the other way round;
- the Frechet distance of bars 13-16 of free pieces to real phrases, divided by that of bars 1-4.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from musegan.composing.compose import compose, draw_controls
from numpy.typing import NDArray

import musegan
from musegan.composing.request import GenerationRequest
from musegan.corpus.dataset import Dataset
from musegan.metrics.agreement import moves_together, on_chord, swing
from musegan.metrics.distance import frechet_distance
from musegan.metrics.features import Scaler, feature_matrix
from musegan.music.chords import harmony_plan
from musegan.music.key import canonical_shifts
from musegan.music.note_table import keep_notes
from musegan.music.piece import Piece

N_BARS = 16
N_PIECES = 256  # free pieces
SWUNG = 0.5  # share of places on triplets from which tracks swing


def sections(dataset: Dataset, rng: np.random.Generator, wanted: Sequence[str]) -> NDArray[np.uint8]:
    """One section of every held-out song in which the wanted tracks sound in three bars of four, in one key."""
    starts = rng.permutation(dataset.windows(N_BARS, "valid", 3))
    activity = np.mean([dataset.track_activity(starts + bar) for bar in range(N_BARS)], axis=0)
    rows = [dataset.spec.track_index(name) for name in wanted]
    starts = starts[(activity[:, rows] >= 0.75).all(1)]
    _, firsts = np.unique(dataset.song_of(starts), return_index=True)
    starts = starts[np.sort(firsts)]
    shifts = canonical_shifts(dataset.songs["pitch_classes"][dataset.song_of(starts)])
    return dataset.rolls(starts, N_BARS, shifts)


def accompany(model: musegan.Model, rolls: NDArray[np.uint8], keep: list[str], seed: int) -> NDArray[np.uint8]:
    pieces = [Piece(roll=roll, spec=model.spec) for roll in rolls]
    return np.stack(
        [
            model.accompany(piece, keep, request=GenerationRequest(seed=seed + i)).roll
            for i, piece in enumerate(pieces)
        ]
    )


def mean(values: NDArray) -> str:
    values = values[~np.isnan(values)]
    if not len(values):
        return "-"
    return f"{values.mean():.3f} ±{1.96 * values.std() / np.sqrt(len(values)):.3f} ({len(values)})"


def free_pieces(
    model: musegan.Model, tones: NDArray[np.int16] | None, bass: NDArray[np.int8] | None, n: int, seed: int
) -> NDArray[np.uint8]:
    """Pieces from nothing, in the key that the model knows, with the chords given or drawn."""
    rng = np.random.default_rng(seed)
    found = []
    for first in range(0, n, 64):
        size = min(64, n - first)
        controls = draw_controls(model, rng, size, N_BARS)
        if tones is not None and bass is not None:
            chords = tones[first : first + size], bass[first : first + size]
            controls = controls.with_chords(*chords, model.spec)
        shape = size, *model.spec.shape(N_BARS)
        nothing = np.zeros(shape, np.uint8), np.zeros(shape[:3], bool)
        found.append(compose(model, *nothing, controls=controls, seed=seed + first))
    return keep_notes(np.concatenate(found), model.spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--songs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset, model = Dataset(options.dataset), musegan.load_model(options.model)
    spec, seed = dataset.spec, options.seed
    rng = np.random.default_rng(seed)

    def is_track(*names: str) -> NDArray[np.bool_]:
        return np.isin(spec.track_names, names)[None]

    own = sections(dataset, rng, ["piano", "bass", "drums"])[: options.songs]
    composed = accompany(model, own, ["piano"], seed)
    print(f"{'':44} {'composed':24} own tracks")
    rows = [moves_together(rolls, is_track("piano"), spec) for rolls in (composed, own)]
    print(f"{'moves with a kept piano':44} {mean(rows[0]):24} {mean(rows[1])}")

    songs = sections(dataset, rng, ["bass"])
    free = free_pieces(model, None, None, N_PIECES, seed)
    rows = [moves_together(rolls, is_track("bass"), spec) for rolls in (free, songs)]
    print(f"{'bass moves with the rest, free pieces':44} {mean(rows[0]):24} {mean(rows[1])}")

    plan, lowest = harmony_plan(songs, spec)
    asked = free_pieces(model, plan, lowest, len(songs), seed + 1)
    for name in (name for name, is_drum in zip(spec.track_names, spec.is_drum, strict=True) if not is_drum):
        row = spec.track_index(name)
        shares = [on_chord(rolls, plan, spec)[:, row] for rolls in (asked, songs)]
        print(f"{'on tones of the chords asked for, ' + name:44} {mean(shares[0]):24} {mean(shares[1])}")

    rhythm = sections(dataset, rng, ["drums", "bass"])[: options.songs]
    given = swing(rhythm, is_track("drums", "bass"), spec) > SWUNG
    for label, rolls in (("composed", accompany(model, rhythm, ["drums", "bass"], seed)), ("own", rhythm)):
        around = swing(rolls, ~is_track("drums", "bass"), spec)
        apart = (around > SWUNG) != given
        print(
            f"{'swing apart from drums and bass, ' + label:44} {apart[~np.isnan(around)].sum()} of {len(rhythm)}"
        )

    real = feature_matrix(
        keep_notes(dataset.rolls(rng.permutation(dataset.windows(4, "valid", 3))[:2000], 4), spec), spec
    )
    scaler = Scaler.fit(real)
    parts = [scaler(feature_matrix(keep_notes(free[:, :, bar : bar + 4], spec), spec)) for bar in (0, 4, 8, 12)]
    distances = [frechet_distance(scaler(real), part) for part in parts]
    print("Frechet distance of bars 1-4, 5-8, 9-12, 13-16: " + ", ".join(f"{d:.1f}" for d in distances))


if __name__ == "__main__":
    main()

"""Arrangements of held-out songs: is the melody kept, do the new tracks follow the chords, and another's manner?

    python benchmarks/arrange.py DATASET [--model band] [--songs 48] [--seed 0]

From each song 16 bars are written to a MIDI file, read again, and arranged in the manner of the next song, as
`musegan arrange --like` does. Beside each number of the arrangements is that of the songs themselves:

- melodies of which every note is in the file that is written, at its ticks;
- share of the sounding time on tones of the chords of the song, of the new tracks and of the song's own;
- how far the new tracks are from the other song, and from their own, in who plays, density and register; beside
  it how far the two songs are apart;
- two-sample AUC of phrases of the arrangements against those of other held-out songs (0.5: cannot be told apart).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import musegan
from musegan.composing.request import GenerationRequest
from musegan.corpus.dataset import Dataset
from musegan.metrics.agreement import chord_tone_share
from musegan.metrics.features import feature_matrix
from musegan.metrics.two_sample import two_sample_auc
from musegan.midi.melody import extract_melody
from musegan.music.chords import harmony_plan
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.note_table import keep_notes
from musegan.music.pianoroll import ONSET
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec

N_BARS, PHRASE = 16, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--songs", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset, model = Dataset(options.dataset), musegan.load_model(options.model)
    spec, rng = dataset.spec, np.random.default_rng(options.seed)
    songs, rest = draw_sections(dataset, rng, options.songs)
    others = np.roll(songs, 1, axis=0)
    done, rows, is_kept = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for index, (own, other) in enumerate(zip(songs, others, strict=True)):
            piece, row, kept = arrange_sections(model, own, other, Path(folder), options.seed + index)
            done.append(piece)
            rows.append(row)
            is_kept.append(kept)
    arranged = np.zeros_like(songs)
    for roll, piece in zip(arranged, done, strict=True):
        roll[:, : piece.shape[1]] = piece  # a file ends where its music ends
    is_new = np.arange(spec.n_tracks) != np.array(rows)[:, None]
    print(f"melodies kept note for note: {sum(is_kept)} of {len(songs)}\n")
    print(f"{'':36} {'new tracks':22} the song's own")
    plan, _ = harmony_plan(songs, spec)
    for row in np.flatnonzero(~np.array(spec.is_drum)).tolist():
        shares = [chord_tone_share(rolls, plan, spec)[is_new[:, row], row] for rolls in (arranged, songs)]
        print(f"on chord tones, {spec.track_names[row]:20} {format_mean(shares[0]):22} {format_mean(shares[1])}")
    print(f"\n{'distance of new tracks':36} {'to the other song':22} {'to their own song':22} between the songs")
    pairs = ((arranged, others), (arranged, songs), (songs, others))
    found = [measure_textures(first, second, is_new, spec) for first, second in pairs]
    for name in found[0]:
        first, second, third = (format_mean(values[name]) for values in found)
        print(f"{name:36} {first:22} {second:22} {third}")
        nearer = found[0][name] < found[1][name]
        print(f"{'  nearer to the other song':36} {nearer.sum()} of {len(nearer)}")
    print("\ntwo-sample AUC against other held-out songs")
    for name, rolls in (("arrangements", arranged), ("the songs themselves", songs)):
        print(f"{name:36} {measure_auc(rest, rolls, spec):.3f}")


def draw_sections(
    dataset: Dataset, rng: np.random.Generator, n_songs: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """16 bars of each of `n_songs` held-out songs in which three tracks play or more, and of all other songs."""
    starts = rng.permutation(dataset.windows(N_BARS, "valid", 3))
    _, firsts = np.unique(dataset.song_of(starts), return_index=True)
    rolls = keep_notes(dataset.rolls(rng.permutation(starts[firsts]), N_BARS), dataset.spec)
    return rolls[:n_songs], rolls[n_songs:]


def arrange_sections(
    model: musegan.Model, own: NDArray[np.uint8], other: NDArray[np.uint8], folder: Path, seed: int
) -> tuple[NDArray[np.uint8], int, bool]:
    """An arrangement through files, the track of its melody, and whether that is kept."""
    source, target = folder / "source.mid", folder / "target.mid"
    musegan.write(Piece(roll=own, spec=model.spec), source, humanize=0)
    found = extract_melody(musegan.read(source, model.spec))
    like = Piece(roll=other, spec=model.spec)
    request = GenerationRequest(seed=seed, progression=found.chords)
    piece = model.arrange(found.song.piece, found.track, like=like, request=request)
    found.song.write(piece, target)
    score = found.song.grid.score
    melody = score.parts[found.part - 1 if len(score.parts) > 1 else 0]
    written = musegan.read(target, model.spec).grid.score.parts
    return (
        piece.roll,
        model.spec.track_index(found.track),
        any(list_notes(melody) == list_notes(part) for part in written),
    )


def list_notes(part) -> list[tuple[int, int, int]]:
    return sorted(zip(part.start.tolist(), part.end.tolist(), part.pitch.tolist(), strict=True))


def measure_textures(
    first: NDArray[np.uint8], second: NDArray[np.uint8], is_new: NDArray[np.bool_], spec: RollSpec
) -> dict[str, NDArray[np.float64]]:
    """How far the tracks that are new are apart in two sets of pieces: (piece,) each."""
    onsets = [(rolls == ONSET) for rolls in (first, second)]
    plays = [rolls.any((3, 4)) for rolls in (first, second)]
    counts = [np.log2(1 + found.sum((3, 4))) for found in onsets]
    registers = [Controls.measure(Music.from_rolls(rolls, spec))["register"] for rolls in (first, second)]
    tracks = is_new[..., None]
    both = plays[0] & plays[1] & tracks

    def average(values: NDArray, where: NDArray) -> NDArray[np.float64]:
        axes = tuple(range(1, values.ndim))
        total = np.where(where, values, 0).sum(axes, dtype=float)
        n = where.sum(axes)
        return np.divide(total, n, out=np.full(len(values), np.nan), where=n > 0)

    apart = np.abs(registers[0] - registers[1])
    return {
        "who plays (share of cells)": average(plays[0] != plays[1], np.broadcast_to(tracks, plays[0].shape)),
        "density (octaves, where both play)": average(np.abs(counts[0] - counts[1]), both),
        "register (semitones)": average(np.nan_to_num(apart), is_new & ~np.isnan(apart)),
    }


def measure_auc(real: NDArray[np.uint8], rolls: NDArray[np.uint8], spec: RollSpec) -> float:
    """Two-sample AUC of all phrases of some pieces against real ones, split by piece."""
    matrices, groups = [], []
    for pieces in (real, keep_notes(rolls, spec)):
        phrases = [pieces[:, :, bar : bar + PHRASE] for bar in range(0, N_BARS, PHRASE)]
        matrices.append(feature_matrix(np.concatenate(phrases), spec))
        groups.append(np.tile(np.arange(len(pieces)), N_BARS // PHRASE) + len(real) * len(groups))
    return two_sample_auc(*matrices, *groups).estimate


def format_mean(values: NDArray) -> str:
    values = values[~np.isnan(values)]
    return f"{values.mean():.3f} ±{1.96 * values.std() / np.sqrt(len(values)):.3f}" if len(values) else "-"


if __name__ == "__main__":
    main()

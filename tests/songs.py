"""Small music: an ensemble whose axes all have different sizes, songs and datasets of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musegan.corpus.dataset import Dataset
from musegan.corpus.packing import DatasetWriter, Song
from musegan.midi.performance import FEEL_SUMS
from musegan.music.pianoroll import NOTE, sort_notes
from musegan.music.spec import RollSpec, TrackSpec

if TYPE_CHECKING:
    from musegan.networks import Composer

TRIO = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="keys", program=0, programs=tuple(range(32))),
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 128))),
    ),
    steps_per_beat=4,
    beats_per_bar=4,
    lowest_pitch=30,
    n_pitches=40,
)

WALTZ = RollSpec(
    tracks=(TrackSpec(name="drums", program=0, is_drum=True), TrackSpec(name="a", program=1)),
    steps_per_beat=6,
    beats_per_bar=3,
    lowest_pitch=21,
    n_pitches=31,
)
"""What `TRIO` is not: in three, of two tracks, with octaves that neither begin on C nor come out even."""


def waltz_phrase() -> np.ndarray:
    """Four bars for what is counted by hand: ``(1, track, bar, step, pitch), uint8``."""
    roll = np.zeros((1, *WALTZ.shape(4)), np.uint8)
    roll[0, 0, 0, [0, 3], 15] = 2  # two kicks in the first beat
    roll[0, 0, 1, 3, 15] = 2  # one comes back a bar later
    line = roll[0, 1].reshape(72, 31)
    line[0:4, 3] = 2, 1, 1, 2  # C for 3 steps, then again for one
    line[1, 7] = 2  # E for one step
    line[18, 3] = 2  # C at the same time of the next bar
    line[39, 15] = 2  # a C two bars after the second one, an octave higher, over a beat line:
    line[40:44, 15] = 1
    return roll


def pieces(*rolls: list[tuple[int, int, int, int, int]], n_bars: int = 2) -> np.ndarray:
    """Pieces of the trio, ``(batch, track, bar, step, pitch), uint8``; each is notes as (track, bar, step, length,
    pitch index), of which later ones cut earlier ones."""
    out = np.zeros((len(rolls), *TRIO.shape(n_bars)), np.uint8)
    for roll, notes in zip(out, rolls, strict=True):
        for track, bar, step, length, pitch in notes:
            cells, begin = roll[track].reshape(-1, TRIO.n_pitches), bar * TRIO.steps_per_bar + step
            cells[begin : begin + length, pitch] = 1
            cells[begin, pitch] = 2
    return out


def make_song(seed: int, n_bars: int, spec: RollSpec = TRIO) -> Song:
    """A song of a repeated pattern of its own: drums on beats, chords and a bass line."""
    rng = np.random.default_rng(seed)
    rows = []
    for bar in range(n_bars):
        start = bar * spec.steps_per_bar
        rows += [
            (0, start + step, 1, 36 if step % 8 == 0 else 42, 100) for step in range(0, spec.steps_per_bar, 4)
        ]
        root = 48 + int(rng.integers(7))
        rows += [(1, start, 12, root + interval, 80) for interval in (0, 4, 7)]
        rows += [(2, start + step, 3, root - 12, 90) for step in (0, 6, 8)]
    notes = sort_notes(np.array(rows, NOTE))
    sums = np.zeros((spec.n_tracks, spec.steps_per_bar, len(FEEL_SUMS)))
    cells = notes["track"], notes["start"] % spec.steps_per_bar
    for column, value in enumerate((1, notes["velocity"], notes["velocity"].astype(float) ** 2, 0, 0)):
        np.add.at(sums[..., column], cells, value)
    return Song(
        name=f"song {seed}",
        source=seed,
        n_bars=n_bars,
        notes=notes,
        feel_sums=sums,
        split="valid" if seed % 4 == 3 else "train",
        style="odd" if seed % 2 else None,
    )


def write_dataset(path: Path, n_songs: int = 8, spec: RollSpec = TRIO) -> Dataset:
    with DatasetWriter(path, spec) as writer:
        for seed in range(n_songs):
            writer.add(make_song(seed, 6 + seed, spec))
    return Dataset(path)


def let_play(composer: Composer) -> None:
    """Make an untrained composer compose cells of which some are empty, some have a note and some have several."""
    import torch

    with torch.no_grad():
        composer.decoder.step_bias[:, -1] = 0.5  # of a cell: a little likelier than each of the four steps


def make_played_song(seed: int, n_bars: int) -> Song:
    """`make_song` as somebody plays it: loud on the first beat, soft between beats, the second and fourth beat
    late; the bass is typed."""
    song, rng = make_song(seed, n_bars), np.random.default_rng([7, seed])
    step = song.notes["start"] % TRIO.steps_per_bar
    level = np.select([step == 0, step % 4 == 0], [110, 80], 50) + rng.integers(-15, 16, len(step))
    late = np.where(step // 4 % 2 == 1, 0.25, -0.1) + rng.uniform(-0.1, 0.1, len(step))
    is_played = song.notes["track"] < 2
    song.notes["velocity"] = np.where(is_played, level, 90)
    return replace(song, late=np.where(is_played, late, 0.0))


def write_played_dataset(path: Path, n_songs: int = 24) -> Dataset:
    """Songs of 16 bars or more, a sixth of them each to validate and to test on."""
    with DatasetWriter(path, TRIO) as writer:
        for seed in range(n_songs):
            split = ("train", "train", "valid", "train", "train", "test")[seed % 6]
            writer.add(replace(make_played_song(seed, 16 + seed % 5), split=split))
    return Dataset(path)

"""Is composed data of use to another model? The style of a phrase, learned from few songs.

    python benchmarks/usefulness.py DATASET [--model band] [--songs 5 20] [--repeats 8]
                                    [--copies 2] [--amount 0.3] [--seed 0]

A small network learns the style of 4-bar phrases from few songs of each style: as they are, with transpositions by
-6 to 5 semitones, and with variations besides, in which a share of the cells is composed anew (the label is that
of the song). Every way takes the same number of steps. Prints the accuracy on held-out songs, by song and averaged
over styles, and the differences; 95 % intervals resample both the draws of the few songs and the held-out songs.

The composing model was trained on the songs that the few are drawn from, and on many more; it has never seen the
held-out songs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import musegan
from musegan.composing.request import GenerationRequest
from musegan.corpus.dataset import Dataset
from musegan.music.pianoroll import ONSET, chroma_matrix, transpose
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec

N_BARS = 4
PER_SONG = 4  # phrases of a song
FEWEST = 10  # held-out songs that a style needs
MIN_TRACKS = 3
BATCH, STEPS, WIDTH = 64, 400, 64  # of the network that learns
SPREAD = 0.05  # added to that of each feature
POOL = 12  # times that the phrases are drawn anew
AT_ONCE = 16  # phrases composed at once

WAYS = ("real", "transposed", "transposed and varied", "varied")


def phrases_of(dataset: Dataset, split: str) -> dict[int, dict[int, list[int]]]:
    """First bars of phrases that do not overlap, by style and file."""
    found: dict[int, dict[int, list[int]]] = {}
    starts = dataset.windows(N_BARS, split, MIN_TRACKS)
    songs = dataset.songs[dataset.song_of(starts)]
    for first, style, source in zip(
        starts.tolist(), songs["style"].tolist(), songs["source"].tolist(), strict=True
    ):
        firsts = found.setdefault(style, {}).setdefault(source, [])
        if not firsts or first >= firsts[-1] + N_BARS:
            firsts.append(first)
    found.pop(-1, None)
    return found


def draw(
    dataset: Dataset, songs: dict[int, list[int]], rng: np.random.Generator, n_songs: int
) -> NDArray[np.uint8]:
    """Phrases of `n_songs` songs, all where that is 0: ``(song * PER_SONG, ...)``, some twice in short songs."""
    names = sorted(songs)
    chosen = rng.choice(names, n_songs, replace=False) if n_songs else names
    firsts = [np.resize(rng.permutation(songs[int(name)]), PER_SONG) for name in chosen]
    return dataset.rolls(np.concatenate(firsts), N_BARS)


def vary(model: musegan.Model, rolls: NDArray[np.uint8], amount: float, seed: int) -> NDArray[np.uint8]:
    """The phrases with a share of their sounding cells composed anew."""
    rng = np.random.default_rng(seed)
    varied = []
    for first in range(0, len(rolls), AT_ONCE):
        part = rolls[first : first + AT_ONCE]
        new = part.any((3, 4)) & (rng.random(part.shape[:3]) < amount)
        names = model.spec.track_names
        requests = [
            GenerationRequest(
                seed=seed + first + i,
                plays={name: np.flatnonzero(row).tolist() for name, row in zip(names, cells, strict=True)},
            )
            for i, cells in enumerate(new)
        ]
        pieces = [Piece(roll=roll, spec=model.spec) for roll in part]
        varied += [piece.roll for piece in model.fill_many(pieces, list(~new), requests)]
    return np.stack(varied)


def features(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.float32]:
    """What the network hears of each phrase: pitch classes of every half bar and pitched track, how often each
    track starts notes on each step of the bar, how often each pitch is struck, and how many notes there are."""
    n = len(rolls)
    sounds, onsets = rolls > 0, rolls == ONSET
    halves = sounds.reshape(n, spec.n_tracks, 2 * N_BARS, -1, spec.n_pitches).mean(3)
    places = onsets.any(4).mean(2)
    struck = onsets.sum((2, 3))
    parts = [
        (halves @ chroma_matrix(spec))[:, [not is_drum for is_drum in spec.is_drum]],
        places,
        np.sqrt(struck / N_BARS),
        np.log1p(struck.sum(-1)),
    ]
    return np.concatenate([part.reshape(n, -1) for part in parts], axis=1).astype(np.float32)


def learn(
    sample: Callable[[np.random.Generator], NDArray], labels: NDArray, n_styles: int, seed: int
) -> Callable[[NDArray], NDArray]:
    """A network trained on batches of features; ``sample(rng) -> (phrase, feature)`` draws each phrase anew."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    first = sample(rng)
    mean, spread = first.mean(0), first.std(0) + SPREAD
    net = nn.Sequential(nn.Linear(first.shape[1], WIDTH), nn.ReLU(), nn.Dropout(0.5), nn.Linear(WIDTH, n_styles))
    adam = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    pool = [(sample(rng) - mean) / spread for _ in range(POOL)]
    for _ in range(STEPS):
        rows = rng.integers(0, len(labels), BATCH)
        values = torch.from_numpy(pool[rng.integers(len(pool))][rows])
        loss = nn.functional.cross_entropy(net(values), torch.from_numpy(labels[rows]))
        adam.zero_grad()
        loss.backward()
        adam.step()
    net.eval()
    return lambda x: net(torch.from_numpy((x - mean) / spread)).log_softmax(-1).detach().numpy()


def samplers(
    spec: RollSpec, real: NDArray[np.uint8], copies: list[NDArray[np.uint8]]
) -> dict[str, Callable[[np.random.Generator], NDArray]]:
    def moved(rolls: NDArray[np.uint8], rng: np.random.Generator) -> NDArray:
        shifts = rng.integers(-6, 6, len(rolls)).tolist()
        return features(np.stack([transpose(*each, spec) for each in zip(rolls, shifts, strict=True)]), spec)

    def mixed(rng: np.random.Generator) -> NDArray[np.uint8]:
        """Half of the phrases as they are, half varied."""
        copy = copies[rng.integers(len(copies))]
        return np.where(rng.random(len(real))[:, None, None, None, None] < 0.5, copy, real)

    plain = features(real, spec)
    return {
        "real": lambda rng: plain,
        "transposed": lambda rng: moved(real, rng),
        "transposed and varied": lambda rng: moved(mixed(rng), rng),
        "varied": lambda rng: features(mixed(rng), spec),
    }


def interval(hits: NDArray[np.float64], styles: NDArray, rng: np.random.Generator) -> str:
    """Mean over repeats, styles and songs of ``hits : (repeat, song)``, and how far it may be off."""
    groups = [np.flatnonzero(styles == style) for style in np.unique(styles)]

    def balanced(repeats: NDArray, songs: list[NDArray]) -> float:
        return float(np.mean([hits[repeats][:, own].mean() for own in songs]))

    value = balanced(np.arange(len(hits)), groups)
    drawn = [
        balanced(rng.integers(0, len(hits), len(hits)), [rng.choice(own, len(own)) for own in groups])
        for _ in range(1000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--model", default="band")
    parser.add_argument("--songs", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--amount", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset, model = Dataset(options.dataset), musegan.load_model(options.model)
    train, held_out = phrases_of(dataset, "train"), phrases_of(dataset, "valid")
    styles = sorted(s for s, songs in held_out.items() if len(songs) >= FEWEST and len(train.get(s, ())) >= FEWEST)
    rng = np.random.default_rng(options.seed)
    tests = [features(draw(dataset, held_out[style], rng, 0), dataset.spec) for style in styles]
    of_songs = np.repeat(np.arange(len(styles)), [len(test) // PER_SONG for test in tests])
    names = ", ".join(f"{dataset.styles[s]} {len(held_out[s])}" for s in styles)
    print(f"held-out songs: {names}; chance {1 / len(styles):.3f}")
    for n_songs in options.songs:
        hits: dict[str, list[NDArray]] = {way: [] for way in WAYS}
        labels = np.repeat(np.arange(len(styles)), n_songs * PER_SONG)
        for repeat in range(options.repeats):
            seed = options.seed + 1000 * repeat
            drawn = np.random.default_rng([seed, n_songs])
            real = np.concatenate([draw(dataset, train[style], drawn, n_songs) for style in styles])
            copies = [vary(model, real, options.amount, seed + 100_000 * i) for i in range(options.copies)]
            for way, sample in samplers(dataset.spec, real, copies).items():
                scores = learn(sample, labels, len(styles), seed)(np.concatenate(tests))
                by_song = scores.reshape(-1, PER_SONG, len(styles)).sum(1).argmax(-1)
                hits[way].append(by_song == of_songs)
        table = {way: np.array(values, float) for way, values in hits.items()}
        print(f"{n_songs} songs of each style, {options.repeats} draws of them")
        for way in WAYS:
            print(f"  {way:24}{interval(table[way], of_songs, rng)}")
        for better, than in (WAYS[1::-1], WAYS[2:0:-1], (WAYS[3], WAYS[0])):
            print(f"  {better} less {than}: {interval(table[better] - table[than], of_songs, rng)}")


if __name__ == "__main__":
    main()

"""Is it four voices? Voice leading and chords of composed chorales beside held-out ones.

    python benchmarks/voices.py DATASET [--model chorale] [--pieces 128] [--bars 8] [--seed 0]

DATASET is prepared with the ensemble `chorale`. For held-out chorales, for the same with each voice from another
chorale (four voices that do not listen), and for composed pieces it prints, with 95 % intervals over pieces:

- crossing: share of the steps at which a voice lies above the next higher one;
- parallel fifths and octaves in a hundred beats: two voices that move to other notes at once, in one direction,
  and are a fifth (an octave or unison) apart, octaves aside, before and after;
- leaps: share of the melodic intervals that are larger than an octave;
- silence: share of the steps at which a voice is silent;
- chords: share of the beats whose four notes are one of the chords of `musegan.music.chords.KINDS`, whole or
  without fifth;
- inventory: distance of the shares of all chords (root and kind, in C major or A minor) from those of one half of
  the held-out chorales, 0 to 1; the other half says how near real music comes.

At the end stand the commonest chords of both.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

import musegan
from musegan.composing.request import GenerationRequest
from musegan.corpus.dataset import Dataset
from musegan.metrics.features import mix_tracks
from musegan.music.chords import KINDS
from musegan.music.key import PITCH_CLASS_NAMES, canonical_shifts
from musegan.music.pianoroll import transpose
from musegan.music.spec import RollSpec

FIFTH, OCTAVE = 7, 0  # semitones, octaves aside
N_SHOWN = 12
N_DRAWS = 500  # of pieces, for intervals

Chord = tuple[int, str]
"""Root (C = 0) and kind; the kind of what is no chord is "other"."""


def find_voices(rolls: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The highest note of each voice at every step, -1 where it is silent: ``(piece, voice, step)``."""
    sounds = (rolls > 0).reshape(*rolls.shape[:2], -1, rolls.shape[-1])
    highest = sounds.shape[-1] - 1 - sounds[..., ::-1].argmax(-1)
    return np.where(sounds.any(-1), highest, -1)


def measure_crossing(lines: NDArray[np.int64], spec: RollSpec) -> float:
    both = (lines[:-1] >= 0) & (lines[1:] >= 0)
    return float(((lines[1:] > lines[:-1]) & both).sum() / max(both.sum(), 1))


def count_parallels(interval: int) -> Callable[[NDArray[np.int64], RollSpec], float]:
    def count(lines: NDArray[np.int64], spec: RollSpec) -> float:
        found = 0
        for upper, lower in combinations(lines, 2):
            sounds = (upper[:-1] >= 0) & (upper[1:] >= 0) & (lower[:-1] >= 0) & (lower[1:] >= 0)
            same = np.sign(np.diff(upper)) * np.sign(np.diff(lower)) > 0
            apart = (upper - lower) % 12 == interval
            found += int((sounds & same & apart[:-1] & apart[1:]).sum())
        return 100 * found / (lines.shape[1] / spec.steps_per_beat)

    return count


def measure_leaps(lines: NDArray[np.int64], spec: RollSpec) -> float:
    moves = [np.diff(line[line >= 0]) for line in lines]
    sizes = np.abs(np.concatenate(moves))
    return float((sizes > 12).sum() / max((sizes > 0).sum(), 1))


def measure_silence(lines: NDArray[np.int64], spec: RollSpec) -> float:
    return float((lines < 0).mean())


def find_chords(lines: NDArray[np.int64], spec: RollSpec) -> list[Chord]:
    """The chord on each beat at which four voices sound."""
    beats = lines[:, :: spec.steps_per_beat].T
    return [
        name_chord(frozenset(((spec.lowest_pitch + notes) % 12).tolist())) for notes in beats if (notes >= 0).all()
    ]


def name_chord(classes: frozenset[int]) -> Chord:
    """The first of the kinds that has all these pitch classes, and of which at most the fifth is missing."""
    for kind, tones in KINDS.items():
        for root in range(12):
            whole = {(root + tone) % 12 for tone in tones}
            if classes <= whole and whole - classes <= {(root + tones[2]) % 12}:
                return root, kind
    return 0, "other"


def measure_chord_share(lines: NDArray[np.int64], spec: RollSpec) -> float:
    found = find_chords(lines, spec)
    return float(np.mean([kind != "other" for _, kind in found])) if found else float("nan")


MEASURES: dict[str, Callable[[NDArray[np.int64], RollSpec], float]] = {
    "crossing": measure_crossing,
    "parallel fifths": count_parallels(FIFTH),
    "parallel octaves": count_parallels(OCTAVE),
    "leaps": measure_leaps,
    "silence": measure_silence,
    "chords": measure_chord_share,
}


def count_chords(pieces: Iterable[NDArray[np.int64]], spec: RollSpec) -> Counter[Chord]:
    return Counter(chord for lines in pieces for chord in find_chords(lines, spec))


def measure_distance(a: Counter[Chord], b: Counter[Chord]) -> float:
    """Half the sum of the differences of shares (total variation); 1 where one of them has no chord at all."""
    if not a or not b:
        return 1.0
    return sum(abs(a[chord] / a.total() - b[chord] / b.total()) for chord in a | b) / 2


def format_mean(values: list[float], rng: np.random.Generator) -> str:
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return "-"
    draws = known[rng.integers(0, len(known), (N_DRAWS, len(known)))].mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{known.mean():.3f} ±{(high - low) / 2:.3f}"


def draw_held_out(dataset: Dataset, n_bars: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Stretches of held-out chorales end to end, in C major or A minor, and the chorale of each."""
    firsts: list[int] = []
    starts = np.concatenate([dataset.windows(n_bars, split, dataset.spec.n_tracks) for split in ("valid", "test")])
    songs = dataset.song_of(starts)
    for song in np.unique(songs):
        own = starts[songs == song]
        firsts += own[(own - own[0]) % n_bars == 0].tolist()
    places = np.array(firsts)
    owners = dataset.song_of(places)
    return dataset.rolls(places, n_bars, canonical_shifts(dataset.songs["pitch_classes"][owners])), owners


def format_chord(chord: Chord) -> str:
    root, kind = chord
    return kind if kind == "other" else f"{PITCH_CLASS_NAMES[root]}{kind}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--model", default="chorale")
    parser.add_argument("--pieces", type=int, default=128)
    parser.add_argument("--bars", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset, model = Dataset(options.dataset), musegan.load_model(options.model)
    model.spec.require_same(dataset.spec, "the model", "the dataset")
    real, owners = draw_held_out(dataset, options.bars)
    requests = [GenerationRequest(seed=options.seed + index) for index in range(options.pieces)]
    pieces = model.generate_many(requests, options.bars, arrangement="song")
    composed = np.stack([transpose(piece.roll, piece.key.to_canonical, model.spec) for piece in pieces])
    sets = {
        "held out": find_voices(real),
        "mixed": find_voices(mix_tracks(real, owners)),
        "composed": find_voices(composed),
    }
    rng = np.random.default_rng(options.seed)
    print(f"{len(np.unique(owners))} held-out chorales, {len(real)} stretches of {options.bars} bars")
    print(f"{'':18}" + "".join(f"{title:>18}" for title in sets))
    for title, measure in MEASURES.items():
        cells = [format_mean([measure(lines, dataset.spec) for lines in each], rng) for each in sets.values()]
        print(f"{title:18}" + "".join(f"{cell:>18}" for cell in cells))
    is_first = np.isin(owners, np.unique(owners)[::2])
    reference = count_chords(sets["held out"][is_first], dataset.spec)
    others = {**sets, "held out": sets["held out"][~is_first]}
    counts = {title: count_chords(pieces, dataset.spec) for title, pieces in others.items()}
    print(f"{'inventory':18}" + "".join(f"{measure_distance(reference, own):>18.3f}" for own in counts.values()))
    for title in ("held out", "composed"):
        own = count_chords(sets[title], dataset.spec)
        common = ", ".join(f"{format_chord(chord)} {n / own.total():.3f}" for chord, n in own.most_common(N_SHOWN))
        print(f"{title}: {common}")


if __name__ == "__main__":
    main()

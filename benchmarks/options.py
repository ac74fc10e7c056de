"""Do the composing options do what they say? Pieces of the model beside sections of real songs.

    python benchmarks/options.py --dataset songs.npz [--model band] [--pieces 8] [--only loop,keys]

Knobs, sliders and chords are in `promises.py`.

- form: share of notes in common (`metrics.bar_similarity`, bar by bar) of sections that return and that do not;
  beside them the most alike sections of held-out songs, and all others.
- loop: likeness over the seam, and over the inner bar lines of the same loops, at 4, 8 and 16 bars.
- band: share of silent bars of each track when everyone plays, in bars in which some track plays in real songs.
- keys: how often music21's key analysis hears the key that was asked for, with the profiles of Krumhansl (which
  the package uses as well) and of Aarden (which it does not).
- styles: means that a style moves by more than three standard errors; styles follow only their own songs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import musegan
from musegan import metrics
from musegan.composing.request import GenerationRequest
from musegan.corpus.dataset import Dataset
from musegan.metrics import average
from musegan.music.key import Key, canonical_shifts
from musegan.music.note_table import keep_notes
from musegan.music.pianoroll import ONSET, sounding_shares
from musegan.music.spec import RollSpec

SECTION = 4  # bars of a section of a form
CERTAIN = 3.0  # standard errors from which a style is said to change something
FEWEST_PLAYING = 3  # tracks of a real section

Rolls = NDArray[np.uint8]


def draw_real_sections(dataset: Dataset, n_bars: int, rng: np.random.Generator, n_songs: int = 128) -> Rolls:
    """One section of each of some held-out songs, in one key."""
    starts = [dataset.windows(n_bars, split, FEWEST_PLAYING) for split in ("valid", "test")]
    starts = rng.permutation(np.concatenate(starts))
    _, firsts = np.unique(dataset.song_of(starts), return_index=True)
    starts = starts[np.sort(firsts)][:n_songs]
    shifts = canonical_shifts(dataset.songs["pitch_classes"][dataset.song_of(starts)])
    return keep_notes(dataset.rolls(starts, n_bars, shifts), dataset.spec)


def measure_likeness(rolls: Rolls, first: int, second: int) -> float:
    """Mean share of notes in common of two bars."""
    return float(average(metrics.bar_similarity(rolls[:, :, [first, second]], 1)))


def measure_overlap(rolls: Rolls, first: int, second: int) -> float:
    """The same of two sections, bar by bar."""
    pairs = [measure_likeness(rolls, first * SECTION + bar, second * SECTION + bar) for bar in range(SECTION)]
    return float(np.nanmean(pairs))


def compose_pieces(
    model: musegan.Model, n_pieces: int, n_bars: int, options: Mapping | None = None, **wanted: object
) -> Rolls:
    pieces = [
        model.generate(n_bars, request=GenerationRequest(seed=seed, **wanted), **(options or {}))  # type: ignore[arg-type]
        for seed in range(n_pieces)
    ]
    return np.stack([piece.roll for piece in pieces])


def print_line(label: str, composed: str, real: str = "") -> None:
    print(f"{label:42} {composed:34} {real}", flush=True)


def format_by_track(values: NDArray, spec: RollSpec) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in zip(spec.track_names, values, strict=True))


def report_forms(model: musegan.Model, real: Rolls, n_pieces: int) -> None:
    rolls = compose_pieces(model, n_pieces, 4 * SECTION, {"form": "AABA"})
    pairs = [(a, b) for b in range(4) for a in range(b)]
    found = np.array([[measure_overlap(roll[None], a, b) for a, b in pairs] for roll in real])
    found = np.sort(found[~np.isnan(found).any(1)], axis=1)
    print_line(
        "overlap of sections, A1-A2, A1-B",
        f"{measure_overlap(rolls, 0, 1):.3f}, {measure_overlap(rolls, 0, 2):.3f}",
    )
    print_line("  real: most alike sections, others", "", f"{found[:, -1].mean():.3f}, {found[:, :-1].mean():.3f}")


def report_loops(model: musegan.Model, real: Rolls, n_pieces: int) -> None:
    for n_bars in (4, 8, 16):
        rows = compose_pieces(model, n_pieces, n_bars, {"loop": True}), real[:, :, :n_bars]
        texts = []
        for rolls in rows:
            inner = float(average(metrics.bar_similarity(rolls, 1)))
            texts.append(f"{measure_likeness(rolls, -1, 0):.3f} / {inner:.3f}")
        print_line(f"loop of {n_bars} bars, seam / inner lines", *texts)


def report_bands(model: musegan.Model, real: Rolls, n_pieces: int) -> None:
    silent = metrics.empty_bars(compose_pieces(model, n_pieces, 8)).mean((0, 2))
    print_line("silent bars when everyone plays", format_by_track(silent, model.spec))
    print_line("  real sections", "", format_by_track(metrics.empty_bars(real).mean((0, 2)), model.spec))


def report_keys(model: musegan.Model, real: Rolls, n_pieces: int) -> None:
    tonics = np.resize(np.arange(0, 60, 5) % 12, max(n_pieces, 10)).tolist()
    wanted = [Key(tonic, is_minor=seed % 2 == 1) for seed, tonic in enumerate(tonics)]
    rolls = [
        model.generate(8, request=GenerationRequest(seed=seed, key=key)).roll for seed, key in enumerate(wanted)
    ]
    for finder in ("krumhanslschmuckler", "aardenessen"):
        heard = [find_key(roll, model.spec, finder) for roll in rolls]
        right = [key == other for key, other in zip(wanted, heard, strict=True)]
        own = [find_key(roll[:, :8], model.spec, finder) in (Key(0), Key(9, True)) for roll in real]
        print_line(
            f"keys as asked, {finder}", f"{sum(right)} of {len(right)}", f"as the whole song {np.mean(own):.2f}"
        )


def find_key(roll: Rolls, spec: RollSpec, finder: str) -> Key | None:
    """The key that music21 hears in a note of each pitch class, as long as that sounds; None without any."""
    from music21 import note, stream

    score = stream.Stream()
    for pitch_class, share in enumerate(sounding_shares(roll, spec)):
        if share > 0:
            score.append(note.Note(60 + pitch_class, quarterLength=float(share)))
    if not len(score):
        return None
    found = score.analyze(f"key.{finder}")
    return Key(found.tonic.pitchClass, found.mode == "minor")


def measure_traits(rolls: Rolls, spec: RollSpec) -> dict[str, NDArray[np.float64]]:
    """Numbers of each piece that a style may move: name -> (piece,)."""
    onsets = (rolls == ONSET).sum(-1)
    places = (rolls == ONSET).any(-1)
    found = {f"{name} notes": onsets[:, row].sum(-1).mean(-1) for row, name in enumerate(spec.track_names)}
    steps = places.reshape(len(rolls), -1, spec.steps_per_beat).sum(1)
    found["off the half beat"] = 1 - steps[:, :: spec.steps_per_beat // 2].sum(-1) / np.maximum(steps.sum(-1), 1)
    numbers = spec.lowest_pitch + np.arange(spec.n_pitches)
    for row, name in enumerate(spec.track_names):
        if not spec.is_drum[row]:
            counts = (rolls[:, row] == ONSET).sum((1, 2))
            found[f"{name} pitch"] = metrics.share(counts @ numbers, counts.sum(-1))
            found[f"{name} length"] = metrics.share((rolls[:, row] > 0).sum((1, 2, 3)), counts.sum(-1))
    found["polyphony"] = average(metrics.polyphony_rate(rolls), (1, 2))
    found["bars alike"] = average(metrics.bar_similarity(rolls, 1), (1, 2))
    return found


def report_styles(model: musegan.Model, real: Rolls, n_pieces: int) -> None:
    usual = measure_traits(compose_pieces(model, 2 * n_pieces, 8), model.spec)
    for style, n_sections in model.offered_styles.items():
        own = measure_traits(compose_pieces(model, 2 * n_pieces, 8, style=style), model.spec)
        moved = []
        for name, values in own.items():
            here, there = (v[~np.isnan(v)] for v in (values, usual[name]))
            error = np.hypot(here.std() / np.sqrt(max(len(here), 1)), there.std() / np.sqrt(max(len(there), 1)))
            if len(here) and len(there) and abs(here.mean() - there.mean()) > CERTAIN * error:
                moved.append(f"{name} {there.mean():.3g} -> {here.mean():.3g}")
        print_line(f"style {style}, {n_sections} sections", ", ".join(moved) or "nothing certain")


PARTS: dict[str, Callable[[musegan.Model, Rolls, int], None]] = {
    part.__name__: part for part in (report_forms, report_loops, report_bands, report_keys, report_styles)
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--model", default=None)
    parser.add_argument("--pieces", type=int, default=8)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args(arguments)
    model = musegan.load_model(options.model)
    real = draw_real_sections(Dataset(options.dataset), 4 * SECTION, np.random.default_rng(0))
    print_line("", "composed", "real")
    for name in options.only.split(","):
        PARTS[name](model, real, options.pieces)


if __name__ == "__main__":
    main()

"""Do knobs and sliders do what they say? What each is heard as, step by step, in the same pieces.

    python benchmarks/promises.py [--model MODEL] [--seeds 8] [--passes 32] [--only busier,density,chords]

Every knob, and the sliders density (a factor of 2 a step, all tracks), temperature (0.3 a step) and repetition
(2 nats a step), at steps from -2 to 2 in pieces of 8 bars from seeds 1 on. Printed are means of what it should
move, over the pieces; whether they rise from step to step; in how many pieces the last is above the first; and the
jump at 0: how far the mean of the first notches to both sides lies from 0 itself, with its standard error over the
pieces, which is that of pieces drawn anew. A jump within three of these is none that can be told.

Chords: the share of the sounding time on tones of the chords asked for, and in the same pieces without the wish.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import musegan
from musegan.composing.request import GenerationRequest
from musegan.metrics import average, pitch_entropy
from musegan.metrics.agreement import chord_tone_share
from musegan.metrics.structure import repeated_bars
from musegan.music.chords import parse_progression
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.key import Key
from musegan.music.knobs import AT_ONCE, HALF_BEAT, KNOBS, LENGTH, ON_BEAT, SPREAD
from musegan.music.spec import RollSpec

NOTCH = 0.05  # the first notch of a slider of the studio
STEPS = (-2, -1, -NOTCH, 0, NOTCH, 1, 2)
WHOLE_STEPS = [index for index, step in enumerate(STEPS) if step == int(step)]
N_BARS = 8
CHORDS = "C Am F G"

Effect = Callable[[NDArray[np.uint8], RollSpec], NDArray[np.float64]]
"""Of rolls ``(piece, track, bar, step, pitch)`` one number a piece."""


def measure_control(name: str, place: int | None = None, drums_only: bool = False) -> Effect:
    """The mean of a control, or of one place in it, over the tracks and bars of a piece."""

    def measure(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.float64]:
        values = Controls.measure(Music.from_rolls(rolls, spec))[name].astype(np.float64)
        is_drum = np.array(spec.is_drum)
        tracks = is_drum if drums_only else ~is_drum if name != "density" else np.ones_like(is_drum)
        values = values[:, tracks] if place is None else values[:, tracks, place]
        return average(values.reshape(len(rolls), -1), 1)

    return measure


def measure_repeats(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.float64]:
    return average(repeated_bars(rolls), 1)


def measure_variety(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.float64]:
    return average(pitch_entropy(rolls), (1, 2))


EFFECTS: dict[str, tuple[str, Effect]] = {
    "busier": ("notes a bar", measure_control("density")),
    "drumming": ("drum hits a bar", measure_control("density", drums_only=True)),
    "higher": ("mean pitch", measure_control("register")),
    "fuller": ("log2 notes at once", measure_control("texture", AT_ONCE)),
    "longer": ("log2 steps a note", measure_control("texture", LENGTH)),
    "wider": ("spread, octaves", measure_control("texture", SPREAD)),
    "straighter": ("share on beats", measure_control("texture", ON_BEAT)),
    "offbeat": ("share half-way", measure_control("texture", HALF_BEAT)),
    "density": ("notes a bar", measure_control("density")),
    "temperature": ("pitch entropy, bits", measure_variety),
    "repetition": ("bars equal to one before", measure_repeats),
}


def make_request(name: str, step: float, seed: int, passes: int, spec: RollSpec) -> GenerationRequest:
    """The request with one knob or slider at a step."""
    if name in KNOBS:
        return GenerationRequest(seed=seed, passes=passes, knobs={name: step})
    if name == "density":
        return GenerationRequest(seed=seed, passes=passes, density=dict.fromkeys(spec.track_names, 2.0**step))
    if name == "temperature":
        return GenerationRequest(seed=seed, passes=passes, temperature=1 + 0.3 * step)
    return GenerationRequest(seed=seed, passes=passes, repetition=2.0 * step)


def measure_effect(model: musegan.Model, name: str, n_seeds: int, passes: int) -> NDArray[np.float64]:
    """The effect at every step: (step, seed)."""
    _, effect = EFFECTS[name]
    rows = []
    for step in STEPS:
        requests = [make_request(name, step, seed, passes, model.spec) for seed in range(1, n_seeds + 1)]
        # One after the other: a batch is drawn at the temperature of its first piece, and rounds otherwise.
        rolls = np.stack([model.generate(N_BARS, request=request).roll for request in requests])
        rows.append(effect(rolls, model.spec))
    return np.array(rows)


def report_chords(model: musegan.Model, n_seeds: int, passes: int) -> None:
    tones, _ = parse_progression(CHORDS, model.spec.beats_per_bar)
    plan = np.tile(np.resize(tones, N_BARS * model.spec.beats_per_bar), (n_seeds, 1))
    key = Key(0)
    for label, progression in ((CHORDS, CHORDS), ("no chords, in C", None)):
        requests = [
            GenerationRequest(seed=seed, passes=passes, key=key, progression=progression)
            for seed in range(1, n_seeds + 1)
        ]
        rolls = np.stack([model.generate(N_BARS, request=request).roll for request in requests])
        found = average(chord_tone_share(rolls, plan, model.spec), 0)
        cells = "  ".join(f"{name} {value:.3f}" for name, value in zip(model.spec.track_names, found, strict=True))
        print(f"{'chords':12} {label:26} {average(found):.3f}: {cells}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--passes", type=int, default=GenerationRequest().passes)
    parser.add_argument("--only", default=",".join([*EFFECTS, "chords"]))
    options = parser.parse_args()
    model = musegan.load_model(options.model)
    missing = set(KNOBS) - set(EFFECTS)
    if missing:
        print(f"not measured: {', '.join(sorted(missing))}")
    heads = "".join(f"{STEPS[index]:>8}" for index in WHOLE_STEPS)
    print(f"{'':12} {'':26}{heads}   rises  pieces      jump at 0")
    for name in options.only.split(","):
        if name == "chords":
            report_chords(model, options.seeds, options.passes)
            continue
        found = measure_effect(model, name, options.seeds, options.passes)
        means = average(found, 1)
        whole = means[WHOLE_STEPS]
        n_up = int((found[-1] > found[0]).sum())
        jumps = (found[2] + found[4]) / 2 - found[3]
        error = jumps.std(ddof=1) / len(jumps) ** 0.5
        cells = "".join(f"{value:8.3f}" for value in whole)
        rises = "yes" if (np.diff(whole) > 0).all() else "no"
        print(
            f"{name:12} {EFFECTS[name][0]:26}{cells}   {rises:5}  {n_up} of {options.seeds}  "
            f"{average(jumps):+.3f} ± {error:.3f} {'JUMPS' if abs(average(jumps)) > 3 * error else 'none'}",
            flush=True,
        )


if __name__ == "__main__":
    main()

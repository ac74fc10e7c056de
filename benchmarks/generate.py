"""Composing speed: 8 bars by our model, warm, beside one forward pass of MuseGAN's own generator.

    python benchmarks/generate.py [--model MODEL]

MuseGAN's generator makes 4 bars at a time, so 8 bars are a batch of two; it knows no context, mask or joins.
Both run on the same threads in one process, taking turns; of each seed the shortest of its turns counts, and of
all seeds the mean: a piece in which a track stays silent is asked for again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from musegan_baseline import LATENT, Generator

from musegan.composing.model import load_model

SEEDS = range(12)


def shortest(turns: dict[str, Callable[[int], object]], repeats: int) -> dict[str, float]:
    """The shortest seconds of each function for each seed, called in turns; means over the seeds."""
    seconds = {name: [float("inf")] * len(SEEDS) for name in turns}
    for _ in range(repeats):
        for index, seed in enumerate(SEEDS):
            for name, call in turns.items():
                begin = time.perf_counter()
                call(seed)
                seconds[name][index] = min(seconds[name][index], time.perf_counter() - begin)
    return {name: sum(found) / len(found) for name, found in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    model = load_model(options.model, "cpu")
    original = Generator(model.spec.n_tracks, 1.0).eval()
    latents = torch.randn(2, LATENT)

    @torch.inference_mode()
    def original_forward(seed: int) -> torch.Tensor:
        return original(latents)

    found = shortest(
        {
            "musegan generate, 8 bars": lambda seed: model.generate(8, seed=seed),
            "musegan generate, 64 bars": lambda seed: model.generate(64, seed=seed),
            "MuseGAN v3 generator, 2 x 4 bars": original_forward,
        },
        options.repeats,
    )
    reference = found["MuseGAN v3 generator, 2 x 4 bars"]
    for name, seconds in found.items():
        print(f"{name:34} {1000 * seconds:8.1f} ms  {seconds / reference:5.2f} x")


if __name__ == "__main__":
    main()

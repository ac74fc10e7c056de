"""Composing speed by passes and bars, warm, beside one forward pass of MuseGAN's own generator; and a cold start.

    python benchmarks/generate.py [--model MODEL] [--bars 8 64] [--passes 1 4 32 48] [--seeds 4] [--repeats 3]

MuseGAN's generator makes 4 bars at a time, so 8 bars are a batch of two; it knows no context, mask or joins.
All run on the same threads in one process, taking turns; of each seed the shortest of its turns counts, and of
all seeds the mean. The cold start is the whole command ``musegan generate`` in a fresh process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

import torch
from musegan_baseline import LATENT, Generator

from musegan.composing.model import Model, load_model
from musegan.composing.request import GenerationRequest

PEER = "MuseGAN v3 generator, 2 x 4 bars"


def measure_shortest(turns: dict[str, Callable[[int], object]], n_seeds: int, repeats: int) -> dict[str, float]:
    """The shortest seconds of each function for each seed, called in turns; means over the seeds."""
    seconds = {name: [float("inf")] * n_seeds for name in turns}
    for _ in range(repeats):
        for seed in range(n_seeds):
            for name, call in turns.items():
                begin = time.perf_counter()
                call(seed)
                seconds[name][seed] = min(seconds[name][seed], time.perf_counter() - begin)
    return {name: sum(found) / len(found) for name, found in seconds.items()}


def compose_piece(model: Model, n_bars: int, passes: int, seed: int) -> object:
    return model.generate(n_bars, request=GenerationRequest(seed=seed, passes=passes))


def measure_cold_start(model: str | None, repeats: int) -> float:
    """The shortest seconds of the command that composes 8 bars."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats):
            command = [sys.executable, "-m", "musegan", "generate", "--bars", "8", "--seed", "1", "--force"]
            command += ["-o", f"{folder}/a.mid", *(["--model", model] if model else [])]
            begin = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            found.append(time.perf_counter() - begin)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--bars", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 4, 32, 48])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    model = load_model(options.model, "cpu")
    original = Generator(model.spec.n_tracks, 1.0).eval()
    latents = torch.randn(2, LATENT)

    @torch.inference_mode()
    def original_forward(seed: int) -> torch.Tensor:
        return original(latents)

    turns: dict[str, Callable[[int], object]] = {
        f"{n_bars} bars, {passes} passes": partial(compose_piece, model, n_bars, passes)
        for n_bars in options.bars
        for passes in options.passes
    }
    found = measure_shortest({PEER: original_forward, **turns}, options.seeds, options.repeats)
    for name, seconds in found.items():
        print(f"{name:34} {1000 * seconds:9.1f} ms  {seconds / found[PEER]:7.2f} x")
    seconds = measure_cold_start(options.model, options.repeats)
    print(f"{'cold musegan generate --bars 8':34} {1000 * seconds:9.1f} ms")


if __name__ == "__main__":
    main()

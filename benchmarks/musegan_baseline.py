"""The baseline: MuseGAN's own recipe, trained on the phrases of a dataset for a given wall time.

    python benchmarks/musegan_baseline.py songs.npz --out baseline --minutes 60
    musegan evaluate baseline/phrases.npy --dataset songs.npz

The networks follow the layer tables of the last MuseGAN release (one latent vector, one stack shared by all tracks
and two small ones for each; critic with pitch-time, time-pitch, chroma and onset streams), written anew here. The
recipe is its default one: Wasserstein loss with gradient penalty 10, 5 critic steps for one of the generator (50
during its first 10), Adam with 1e-3 and betas (0.5, 0.9), batch 64, latents from a normal distribution cut at 2,
learning rate down to 0 over the last tenth. Its piano rolls know no onsets, so a held cell before a repeat of its
pitch is cleared in the training phrases, and a run of cells above the threshold is read as one note.

`--width` scales all channels; 1 is the original, whose parameters the script checks.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import musegan
from musegan.corpus.dataset import Dataset
from musegan.errors import ConfigError
from musegan.music.pianoroll import HELD, ONSET
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec

LATENT = 128
N_BARS = 4
CRITIC_STEPS, FIRST_CRITIC_STEPS, FIRST_STEPS = 5, 50, 10
PARAMETERS = 2_578_127, 1_365_841  # of the original generator and discriminator, for 5 tracks


def make_upsampling(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] | None = None
) -> nn.Module:
    """Transposed convolution, batch norm, ReLU. Kernels are (bar, time, pitch)."""
    layer = nn.ConvTranspose3d(inputs, outputs, kernel, stride or kernel)
    return nn.Sequential(initialise_layer(layer), make_norm(outputs), nn.ReLU())


def make_downsampling(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] | None = None
) -> nn.Module:
    """Convolution and leaky ReLU, no norm."""
    return nn.Sequential(initialise_layer(nn.Conv3d(inputs, outputs, kernel, stride or kernel)), nn.LeakyReLU(0.2))


def make_norm(channels: int) -> nn.Module:
    return nn.BatchNorm3d(channels, eps=1e-3, momentum=0.01)


def initialise_layer(layer: nn.Module) -> nn.Module:
    nn.init.trunc_normal_(layer.weight, std=0.05, a=-0.1, b=0.1)
    nn.init.zeros_(layer.bias)
    return layer


class Generator(nn.Module):
    """(batch, latent) -> (batch, track, bar, step, pitch) in -1 ... 1."""

    def __init__(self, n_tracks: int, width: float) -> None:
        super().__init__()
        c512, c256, c128, c32, c16 = (max(round(width * c), 4) for c in (512, 256, 128, 32, 16))
        self.shared = nn.Sequential(
            make_upsampling(LATENT, c512, (4, 1, 1)),
            make_upsampling(c512, c256, (1, 4, 3)),
            make_upsampling(c256, c128, (1, 4, 3), (1, 4, 2)),
        )
        self.pitch_time = nn.ModuleList(
            nn.Sequential(make_upsampling(c128, c32, (1, 1, 12)), make_upsampling(c32, c16, (1, 3, 1)))
            for _ in range(n_tracks)
        )
        self.time_pitch = nn.ModuleList(
            nn.Sequential(make_upsampling(c128, c32, (1, 3, 1)), make_upsampling(c32, c16, (1, 1, 12)))
            for _ in range(n_tracks)
        )
        self.merge = nn.ModuleList(
            nn.Sequential(initialise_layer(nn.ConvTranspose3d(2 * c16, 1, 1)), make_norm(1))
            for _ in range(n_tracks)
        )

    def forward(self, z: Tensor) -> Tensor:
        h = self.shared(z[:, :, None, None, None])
        tracks = zip(self.pitch_time, self.time_pitch, self.merge, strict=True)
        return torch.tanh(torch.cat([merge(torch.cat([a(h), b(h)], 1)) for a, b, merge in tracks], 1))


class Critic(nn.Module):
    """(batch, track, bar, step, pitch) -> one score for each two neighbouring bars."""

    def __init__(self, spec: RollSpec, width: float) -> None:
        super().__init__()
        c512, c256, c128, c64, c32, c16 = (max(round(width * c), 4) for c in (512, 256, 128, 64, 32, 16))
        n = spec.n_tracks
        self.steps_per_beat = spec.steps_per_beat
        self.pitch_time = nn.ModuleList(
            nn.Sequential(make_downsampling(n, c16, (1, 1, 12)), make_downsampling(c16, c32, (1, 3, 1)))
            for _ in range(n)
        )
        self.time_pitch = nn.ModuleList(
            nn.Sequential(make_downsampling(n, c16, (1, 3, 1)), make_downsampling(c16, c32, (1, 1, 12)))
            for _ in range(n)
        )
        self.merge = nn.ModuleList(make_downsampling(2 * c32, c64, (1, 1, 1)) for _ in range(n))
        self.shared = nn.Sequential(
            make_downsampling(n * c64, c128, (1, 4, 3), (1, 4, 2)), make_downsampling(c128, c256, (1, 4, 3))
        )
        self.chroma = nn.Sequential(make_downsampling(n, c32, (1, 1, 12)), make_downsampling(c32, c64, (1, 4, 1)))
        self.onsets = nn.Sequential(
            make_downsampling(n, c16, (1, 3, 1)),
            make_downsampling(c16, c32, (1, 4, 1)),
            make_downsampling(c32, c64, (1, 4, 1)),
        )
        self.join = make_downsampling(c256 + 2 * c64, c512, (2, 1, 1), (1, 1, 1))
        self.score = initialise_layer(nn.Linear(c512, 1))

    def forward(self, x: Tensor) -> Tensor:
        tracks = zip(self.pitch_time, self.time_pitch, self.merge, strict=True)
        h = self.shared(torch.cat([merge(torch.cat([a(x), b(x)], 1)) for a, b, merge in tracks], 1))
        beats = x.unflatten(3, (-1, self.steps_per_beat)).sum(4)
        chroma = beats.unflatten(4, (-1, 12)).sum(4)  # octaves folded
        changes = (x - F.pad(x[..., :-1, :], (0, 0, 1, 0))).sum(4, keepdim=True)
        h = self.join(torch.cat([h, self.chroma(chroma), self.onsets(changes)], 1))
        return self.score(h.flatten(2).transpose(1, 2))


def measure_gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Gradient penalty at random points between real and generated phrases."""
    share = torch.rand(len(real), 1, 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    slope = (gradient.flatten(1).square().sum(1) + 1e-8).sqrt()
    return (slope - 1).square().mean()


def draw_latents(n: int, device: torch.device) -> Tensor:
    return nn.init.trunc_normal_(torch.empty(n, LATENT, device=device), a=-2, b=2)


def to_signs(rolls: np.ndarray) -> np.ndarray:
    """Rolls as -1 and 1, with the step before a repeated pitch cleared so that repeats stay apart."""
    lines = rolls.reshape(*rolls.shape[:2], -1, rolls.shape[-1])
    on = lines > 0
    on[:, :, :-1] &= ~((lines[:, :, :-1] == HELD) & (lines[:, :, 1:] == ONSET))
    return np.where(on, np.float32(1), np.float32(-1)).reshape(rolls.shape)


def to_rolls(values: np.ndarray, spec: RollSpec) -> np.ndarray:
    """Rolls from outputs: on above 0, an onset where a pitch was not on before, drums onsets only."""
    lines = values.reshape(*values.shape[:2], -1, values.shape[-1]) > 0
    before = np.pad(lines[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
    rolls = np.where(lines, np.where(before, HELD, ONSET), 0).astype(np.uint8)
    drums = np.array(spec.is_drum)
    rolls[:, drums] = np.where(lines[:, drums], ONSET, 0)
    return rolls.reshape(values.shape)


def train_generator(
    dataset: Dataset,
    minutes: float,
    width: float,
    batch_size: int,
    min_tracks: int,
    device: torch.device,
    seed: int,
) -> Generator:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    windows = dataset.windows(N_BARS, "train", min_tracks)
    generator = Generator(dataset.spec.n_tracks, width).to(device)
    critic = Critic(dataset.spec, width).to(device)
    counts = [sum(p.numel() for p in network.parameters()) for network in (generator, critic)]
    print(
        "parameters: generator {:,}, critic {:,}".format(*counts), "(original {:,} and {:,})".format(*PARAMETERS)
    )
    optimisers = [torch.optim.Adam(net.parameters(), 1e-3, betas=(0.5, 0.9)) for net in (generator, critic)]
    start, step, seen = time.monotonic(), 0, 0
    while (used := (time.monotonic() - start) / (60 * minutes)) < 1:
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = 1e-3 * min(1, 10 * (1 - used))
        for _ in range(FIRST_CRITIC_STEPS if step < FIRST_STEPS else CRITIC_STEPS):
            if time.monotonic() - start > 60 * minutes:
                break
            shifts = rng.integers(-6, 6, batch_size)
            rolls = dataset.rolls(rng.choice(windows, batch_size), N_BARS, shifts)
            real = torch.from_numpy(to_signs(rolls)).to(device)
            with torch.no_grad():
                fake = generator(draw_latents(batch_size, device))
            loss = critic(fake).mean() - critic(real).mean() + 10 * measure_gradient_penalty(critic, real, fake)
            optimisers[1].zero_grad()
            loss.backward()
            optimisers[1].step()
            seen += batch_size
        score = -critic(generator(draw_latents(batch_size, device))).mean()
        optimisers[0].zero_grad()
        score.backward()
        optimisers[0].step()
        step += 1
        if step % 100 == 0:
            print(f"step {step}, {used:.0%} of the time: critic {loss:.3f}, generator {score:.3f}", flush=True)
    print(f"{step} generator steps, {seen} phrases seen, {minutes:g} minutes on {device}, width {width:g}")
    return generator.eval()


@torch.no_grad()
def sample_phrases(generator: Generator, spec: RollSpec, n: int, device: torch.device, seed: int) -> np.ndarray:
    torch.manual_seed(seed + 1)
    parts = [generator(draw_latents(min(64, n - i), device)).cpu().numpy() for i in range(0, n, 64)]
    return to_rolls(np.concatenate(parts), spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for phrases.npy and some MIDI files")
    parser.add_argument("--minutes", type=float, default=60, help="wall time of training")
    parser.add_argument("--width", type=float, default=1.0, help="scale of all channels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--min-tracks", type=int, default=3, help="tracks that sound in a training phrase")
    parser.add_argument("--n-samples", type=int, default=2000)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset, device = Dataset(options.dataset), torch.device(options.device)
    if dataset.spec.shape(N_BARS)[2:] != (48, 84) or dataset.spec.steps_per_beat != 12:
        raise ConfigError("the original networks need 48 steps a bar, 12 steps a beat and 84 pitches")
    generator = train_generator(
        dataset, options.minutes, options.width, options.batch_size, options.min_tracks, device, options.seed
    )
    rolls = sample_phrases(generator, dataset.spec, options.n_samples, device, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "phrases.npy", rolls)
    for index, roll in enumerate(rolls[:20]):
        musegan.write(Piece(roll=roll, spec=dataset.spec), options.out / f"{index + 1:02}.mid", humanize=0)
    print(f"{len(rolls)} phrases in {options.out}")


if __name__ == "__main__":
    main()

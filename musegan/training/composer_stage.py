"""Training the composer: masked likelihood of cells, of windows of a corpus at every bar line and in every key."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from musegan.config import ComposerConfig, ComposerTrainConfig
from musegan.corpus.note_list import NoteList
from musegan.errors import DatasetError
from musegan.music.controls import Controls, Music
from musegan.networks.cells import CellBatch, track_of
from musegan.networks.composer import Composer
from musegan.training import ema
from musegan.training.cell_masks import draw_known_cells
from musegan.training.distributed import Distributed
from musegan.training.stage import Stage, Terms

_IN_KEY = 0.4  # share of the windows that are in C major or A minor, the others are in any key
_FREE = {  # chance that a control is left free, of pieces and, where it has tracks, of each track
    "density": (0.3, 0.2),
    "register": (0.3, 0.2),
    "texture": (0.4, 0.2),
    "key": (0.15, 0.0),
    "chords": (0.15, 0.0),
    "groove": (0.4, 0.0),
    "repetition": (0.15, 0.2),
}
_FEWER_TRACKS = 0.15  # share of the windows of which some tracks are left out
_LARGEST_GRADIENT = 1.0  # norm
_PARTS = {
    1: 0.7,
    2: 0.2,
    4: 0.1,
}  # how often whole windows are trained on, halves and quarters, so many more at once


class ComposerStage(Stage):
    """See the module."""

    name: ClassVar[str] = "composer"

    def __init__(
        self, notes: NoteList, sizes: ComposerConfig, config: ComposerTrainConfig, processes: Distributed
    ) -> None:
        super().__init__(processes, config.n_windows, config.batch_size)
        self.notes, self.config, self.n_bars = notes, config, sizes.window_bars
        self.starts = {part: self._find_windows("train", self.n_bars // part) for part in _PARTS}
        if not all(map(len, self.starts.values())):
            raise DatasetError(f"the corpus has no {self.n_bars} bars with {config.min_tracks} tracks to train on")
        torch.manual_seed(config.seed)
        composer = Composer(notes.spec, sizes).to(self.device)
        self.networks = {"composer": composer, "average": copy.deepcopy(composer).requires_grad_(False).eval()}
        decayed = [p for p in composer.parameters() if p.ndim > 1]
        others = [p for p in composer.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizers = {"composer": torch.optim.AdamW(groups, betas=(0.9, config.beta2), eps=1e-8)}
        self.use_bfloat16 = config.precision != "float32"

    def _find_windows(self, split: str, n_bars: int) -> NDArray[np.int64]:
        return self.notes.windows(max(n_bars, 1), split, self.config.min_tracks)

    def iterate(self) -> Terms:
        composer = self.networks["composer"]
        rng = np.random.default_rng([self.config.seed, 1, self.phrases_seen])
        torch.manual_seed(int(rng.integers(2**31)))
        batch, known = self._prepare(rng, self._draw(rng))
        _, scores = self._score(composer.train(), batch, known)
        loss = -scores.mean()
        optimizer = self.optimizers["composer"]
        rate = self.learning_rate()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(composer.parameters(), _LARGEST_GRADIENT)
        optimizer.step()
        self.phrases_seen += self.batch_size
        half_life = ema.half_life(self.phrases_seen, self.config.ema_half_life, 0.1)
        ema.update(self.networks["average"], composer, self.batch_size, half_life)
        return {"nats": loss.detach(), "gradient": norm.detach(), "rate": torch.tensor(rate)}

    def learning_rate(self) -> float:
        """A short warm-up, a plateau, and a cosine to its end from `decay_from` on."""
        config, seen = self.config, self.phrases_seen
        begin = config.decay_from * config.n_windows
        warm_up = min(seen / max(config.warm_up, 1), 1)
        share = min(max((seen - begin) / max(config.n_windows - begin, 1), 0), 1)
        falling = config.final_share + (1 - config.final_share) * (1 + math.cos(math.pi * share)) / 2
        return config.learning_rate * warm_up * falling

    def _score(self, composer: Any, batch: CellBatch, known: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.use_bfloat16):
            return composer.log_likelihood(batch, known)

    def _draw(self, rng: np.random.Generator) -> Music:
        part = int(rng.choice(list(_PARTS), p=list(_PARTS.values())))
        size = self.batch_size * part
        starts = self.starts[part][rng.integers(0, len(self.starts[part]), size)]
        shifts = np.where(rng.random(size) < _IN_KEY, self.notes.key_shifts(starts), rng.integers(-6, 6, size))
        music = self.notes.read(starts, max(self.n_bars // part, 1), shifts)
        return leave_out_tracks(music, rng)

    def _prepare(self, rng: np.random.Generator, music: Music) -> tuple[CellBatch, Tensor]:
        spec = music.spec
        controls = free_some(Controls.measure(music).blur(rng), rng)
        n_pieces, n_tracks, n_bars = music.is_sounding.shape
        known = draw_known_cells(rng, n_pieces, n_tracks, n_bars, spec.beats_per_bar)
        batch = CellBatch.from_notes(music.notes, controls, spec, self.device)
        return batch, torch.from_numpy(known).to(self.device)

    @torch.no_grad()
    def measure(self, split: str = "valid", n_windows: int = 96) -> dict[str, float]:
        """Nats a cell of held-out windows, of all and of each track, the same windows and masks every time; and
        when nothing is given."""
        rng = np.random.default_rng([self.config.seed, 2])
        starts = self._find_windows(split, self.n_bars)
        starts = starts if len(starts) else self.starts[1]
        average, spec = self.networks["average"], self.notes.spec
        sums, counts = np.zeros(spec.n_tracks + 1), np.zeros(spec.n_tracks + 1)
        for _ in range(0, n_windows, self.batch_size):
            chosen = starts[rng.integers(0, len(starts), self.batch_size)]
            music = self.notes.read(chosen, self.n_bars, self.notes.key_shifts(chosen))
            batch, known = self._prepare(rng, music)
            target, scores = self._score(average, batch, known)
            track = track_of(target, batch.shape).cpu().numpy()
            sums[:-1] += np.bincount(track, -scores.double().cpu().numpy(), spec.n_tracks)
            counts[:-1] += np.bincount(track, minlength=spec.n_tracks)
            _, alone = self._score(average, batch, torch.zeros_like(known))
            sums[-1] -= float(alone.sum())
            counts[-1] += len(alone)
        means = sums / np.maximum(counts, 1)
        by_track = {f"nats {name}": float(value) for name, value in zip(spec.track_names, means, strict=False)}
        total = float(sums[:-1].sum() / max(counts[:-1].sum(), 1))
        return {"score": total, **by_track, "nats when nothing is given": float(means[-1])}


def leave_out_tracks(music: Music, rng: np.random.Generator, share: float = _FEWER_TRACKS) -> Music:
    """Music in which some windows have fewer tracks, so that small bands are learned too; one stays."""
    there: NDArray[np.bool_] = np.any(music.is_sounding, axis=2)
    leaves = rng.random(there.shape) < rng.random((len(there), 1))
    leaves &= (rng.random((len(there), 1)) < share) & there
    keep = rng.random(there.shape) * there
    leaves[np.arange(len(there)), keep.argmax(1)] = False
    notes = music.notes
    line = notes.cell // notes.shape[2]
    return replace(
        music,
        notes=notes.select(~leaves.reshape(-1)[line]),
        is_sounding=music.is_sounding & ~leaves[:, :, None],
    )


def free_some(
    controls: Controls, rng: np.random.Generator, chances: Mapping[str, tuple[float, float]] = _FREE
) -> Controls:
    """Controls of which some are left free by chance, for whole pieces and for single tracks."""
    for name, (of_piece, of_track) in chances.items():
        marked: NDArray[np.bool_] = rng.random(controls.n_pieces) < of_piece
        if of_track:
            tracks = rng.random((controls.n_pieces, controls["play"].shape[1])) < of_track
            marked = marked[:, None] | tracks
        controls = controls.free([name], marked)
    return controls

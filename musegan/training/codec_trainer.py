"""The first stage: the codec learns what notes look like, track by track."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.metrics import distance
from musegan.music.pianoroll import ONSET
from musegan.networks.codec import Codec, codec_loss
from musegan.training.distributed import Distributed
from musegan.training.monitor import Reference
from musegan.training.phrases import CHUNK, PhraseSource, sample_held_out
from musegan.training.stage import Stage, make_adam

WARM_UP = 2_000  # phrases over which the learning rate rises at the start
GRADIENT_LIMIT = 10.0  # greatest norm of the gradients
N_MEASURED = 512  # held-out phrases
N_MATCHED = 4  # chunks of phrases whose onsets are counted
MOST_SHIFTED = 2.0  # logits
N_HALVINGS = 10  # of what is not known of the shift: to a hundredth of a logit


class CodecTrainer(Stage):
    """The codec, its optimiser, and what it is measured with."""

    name = "codec"

    def __init__(self, dataset: Dataset, config: Config, processes: Distributed) -> None:
        settings = config.codec
        super().__init__(processes, settings.n_phrases, config.train.batch_size)
        self.config, self.seed = config, config.train.seed
        torch.manual_seed(self.seed)
        self.codec = Codec(dataset.spec, settings)
        self.codec.to(self.device)
        self.networks = {"codec": self.codec}
        self.optimizers = {"codec": make_adam(self.codec.parameters(), 0.9, 0.99)}
        self.phrases = PhraseSource.of(dataset, "train", config.model)
        self._real = sample_held_out(dataset, config, 2 * N_MEASURED)
        self._reference = Reference.from_rolls(self._real.rolls, dataset.spec, self._real.sources)

    def iterate(self) -> dict[str, Tensor]:
        """One step on a batch of phrases."""
        settings = self.config.codec
        rng = np.random.default_rng([self.seed, 4, self.phrases_seen])
        torch.manual_seed(int(rng.integers(2**62)))
        rate = self._cosine(settings.learning_rate, settings.final_learning_rate)
        for group in self.optimizers["codec"].param_groups:
            group["lr"] = rate * min((self.phrases_seen + self.batch_size) / WARM_UP, 1)
        indices, shifts = self.phrases.draw(rng, self.batch_size)
        rows = self.phrases.sounding(indices).T  # track, batch
        rows = rows | (rng.random(rows.shape) < settings.silent_rows)
        patches = self._fold(self.phrases.rolls(indices[self.share], shifts[self.share]))
        noise = torch.randn(len(rows), self.batch_size, patches.shape[2], settings.latent_dim, device=self.device)
        loss, terms = codec_loss(
            self.codec,
            patches,
            torch.from_numpy(rows[:, self.share]).to(patches),
            settings.kl_weight,
            noise=noise[:, self.share],
            n_rows=rows.sum() / self.processes.count,
        )
        self._step("codec", loss, GRADIENT_LIMIT)
        self.phrases_seen += self.batch_size
        return terms

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """How well held-out phrases come back.

        Returns
        -------
        name -> value
            ``score``: their loss in nats a beat, what to stop by, lower is better. Per track ``onset_f1/NAME``. Of
            what comes back against the real phrases of other songs ``frechet_ratio`` (1 is as far as real music)
            and ``auc`` (0.5 is not told apart).
        """
        rng_state = torch.random.get_rng_state()
        torch.manual_seed(self.seed)
        losses, decoded = [], []
        for rolls in np.array_split(self._real.rolls, max(len(self._real.rolls) // CHUNK, 1)):
            patches = self._fold(rolls)
            rows = torch.from_numpy(rolls.any((2, 3, 4)).T).to(patches)
            losses.append(float(codec_loss(self.codec, patches, rows, self.config.codec.kl_weight)[0]))
            decoded.append(self._decoded(patches))
        torch.random.set_rng_state(rng_state)
        back = np.concatenate(decoded)
        reference = self._reference
        features = reference.features_of(back[reference.rest])
        auc = distance.two_sample_auc(reference.features, features, reference.groups, reference.rest_groups)
        scores = onset_f1(self._real.rolls, back)
        names = reference.spec.track_names
        return {
            "score": float(np.mean(losses)),
            **{f"onset_f1/{name}": float(value) for name, value in zip(names, scores, strict=True)},
            "frechet_ratio": distance.frechet_distance(reference.features, features) / reference.frechet,
            "auc": auc,
        }

    @torch.no_grad()
    def finish(self) -> Codec:
        """The codec: as many onsets come back as go in, and the spread of its latents is measured."""
        phrases = self.phrases.for_scale(np.random.default_rng([self.seed, 5]))
        self._match_onsets(phrases[:N_MATCHED])
        found: list[list[Tensor]] = [[] for _ in self.codec.grid.spec.tracks]  # of sounding tracks
        for part in phrases:
            means, _ = self.codec.encoder(self._fold(part))
            for index, sounds in enumerate(torch.from_numpy(part.any((2, 3, 4)).T)):
                found[index].append(means[index][sounds].flatten(0, 1))
        for index, parts in enumerate(found):
            latents = torch.cat(parts)  # (beat, latent)
            if len(latents) > 1:
                self.codec.mean[index, 0, 0] = latents.mean(0)
                self.codec.spread[index, 0, 0] = latents.std(0)
        return self.codec.eval().requires_grad_(False)

    def _match_onsets(self, phrases: list[NDArray[np.uint8]]) -> None:
        """Shift the logits of each track until as many onsets as in `phrases` come back at even odds.

        Cross-entropy leaves out what it is unsure of: at even odds a fifth of the strings' onsets would be lost.
        """
        parts = [self._fold(part) for part in phrases]
        latents = [self.codec.encoder(patches)[0] for patches in parts]
        wanted = _onsets(parts)
        decoder = self.codec.decoder
        usual = decoder.usual.clone()
        low = torch.full((len(usual), 1, 1), -MOST_SHIFTED, device=self.device)
        high = -low
        for _ in range(N_HALVINGS):
            middle = (low + high) / 2
            decoder.usual.copy_(usual + middle)
            found = _onsets(decoder(part) > 0 for part in latents)
            are_few = (found < wanted)[:, None, None]
            low, high = torch.where(are_few, middle, low), torch.where(are_few, high, middle)

    def _decoded(self, patches: Tensor) -> NDArray[np.uint8]:
        grid = self.codec.grid
        held, starts = (self.codec.decoder(self.codec.encoder(patches)[0]) > 0).chunk(2, dim=-1)
        return grid.unfold(torch.cat([held | starts, starts], dim=-1)).cpu().numpy()

    def _fold(self, rolls: NDArray[np.uint8]) -> Tensor:
        return self.codec.grid.fold(torch.from_numpy(rolls).to(self.device))


def _onsets(parts: Iterable[Tensor]) -> Tensor:
    """How many there are in each track: (track,)."""
    return torch.stack(
        [patches.chunk(2, dim=-1)[1].sum((1, 2, 3, 4), dtype=torch.float32) for patches in parts]
    ).sum(0)


def onset_f1(real: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall of the onsets of each track, 1 where there are none: (track,).

    Both ``(batch, track, bar, step, pitch), uint8``.
    """
    wanted, found = real == ONSET, decoded == ONSET
    hits, total = ((wanted & found).sum((0, 2, 3, 4)), wanted.sum((0, 2, 3, 4)) + found.sum((0, 2, 3, 4)))
    return np.divide(2 * hits, total, out=np.ones(len(total)), where=total > 0)

"""How a model composes what its verbs ask for: keys, whole pieces, sections, loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.arrangement import Arrangement, arrange
from musegan.composing.forms import FILL, bars_before_changes, changed_cells, seam_likeness
from musegan.composing.model_file import ModelFile
from musegan.composing.threads import composing_threads
from musegan.composing.windows import compose, draw_controls
from musegan.composing.wishes import Wishes, draw_key, key_wished, prior_rows, restrict, with_progression
from musegan.music.harmony import Key, estimate_key
from musegan.music.pianoroll import snap_to_scale, sounding_shares, transpose
from musegan.networks import Latents, sample_latents
from musegan.networks.controls import Controls

_LOOP_DRAFTS = 6  # of the last bars of a loop


@dataclass(kw_only=True, repr=False)
class Composer(ModelFile):
    """What stands between the verbs of a `Model` and the networks."""

    def _shift(self, key: Key | None) -> int:
        """Semitones that bring music in a key to where the networks know it."""
        return key.to_canonical if key is not None and self.config.model.transpose == "key" else 0

    def _nothing(self, n_bars: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        shape = (1, *self.spec.shape(n_bars))
        return np.zeros(shape, np.uint8), np.zeros(shape[:3], bool)

    def _latents(self, rng: np.random.Generator, n_bars: int) -> Latents:
        sizes = self.config.model
        return sample_latents(rng, sizes.latent, 1, self.spec.n_tracks, n_bars, sizes.latent_dim)

    def _compose(
        self,
        given: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        controls: Controls,
        wishes: Wishes,
        latents: Latents | None = None,
    ) -> NDArray[np.uint8]:
        with composing_threads():
            rolls = compose(
                self,
                given,
                mask,
                controls=controls,
                latents=latents,
                seed=wishes.seed,
                temperature=wishes.temperature,
                best_of=wishes.best_of,
            )
        return rolls[0]

    def _to_key(
        self, roll: NDArray[np.uint8], controls: Controls, key: Key | None, wishes: Wishes
    ) -> tuple[Key, NDArray[np.uint8]]:
        """Move a piece composed from nothing to the key that is wished for."""
        if key is None:
            key = estimate_key(controls.key[0] if controls.key.any() else sounding_shares(roll, self.spec))
        else:
            roll = transpose(roll, -self._shift(key), self.spec)
        if wishes.snap:
            roll = snap_to_scale(roll, key.pitch_classes, self.spec)
        return key, roll

    def _asked(
        self, n_bars: int, tracks: Sequence[str] | None, wishes: Wishes, arrangement: Arrangement, phrase: int
    ) -> tuple[Controls, Key | None]:
        """Controls of a piece from nothing and its key; None where it is heard in what is composed."""
        key = key_wished(self, wishes)
        rows = prior_rows(self, replace(wishes, key=key))
        controls = draw_controls(self, np.random.default_rng(wishes.seed), 1, n_bars, rows)
        controls = replace(controls, play=arrange(controls.play, self.spec, arrangement, phrase))
        controls = restrict(self, controls, tracks, wishes)
        if key is None and self.config.model.transpose == "key":
            key = draw_key(wishes.seed, estimate_key(controls.key[0]).is_minor)
        return with_progression(self, controls, wishes, self._shift(key)), key

    def _sections(
        self, form: str, n_bars: int, controls: Controls, wishes: Wishes, change: float
    ) -> NDArray[np.uint8]:
        """Compose section by section; a letter that returns keeps its notes but for a share of its cells."""
        size = n_bars // len(form)
        given, mask = self._nothing(n_bars)
        rng = np.random.default_rng([wishes.seed, 3])
        fills = bars_before_changes(form, size)
        firsts: dict[str, int] = {}
        order = np.arange(n_bars)  # the bar whose controls each bar has
        latents: Latents | None = None
        for index, letter in enumerate(form):
            begin, end = index * size, (index + 1) * size
            first = firsts.setdefault(letter, begin)
            own = self._latents(rng, size)
            latents = own if latents is None else latents.join(own)
            if first < begin:
                same = ~changed_cells(rng, self.spec.n_tracks, size, change)
                given[:, :, begin:end] = given[:, :, first : first + size] * same[None, ..., None, None]
                mask[:, :, begin:end] = same
                order[begin:end] = order[first : first + size]
            so_far = controls.bars(order[:end])
            for bar in fills[: index + 1]:
                if bar < end:
                    so_far.density[:, np.flatnonzero(self.spec.is_drum), bar] *= FILL
            given[:, :, :end] = self._compose(given[:, :, :end], mask[:, :, :end], so_far, wishes, latents)
            mask[:, :, :end] = True
        return given[0]

    def _close_loop(self, roll: NDArray[np.uint8], controls: Controls, wishes: Wishes) -> NDArray[np.uint8]:
        """Of several drafts of the last bars before the first ones, the one with the smoothest seam; maybe that of
        `roll` itself."""
        n_bars = roll.shape[1]
        new = min(self.config.model.phrase_bars // 2, n_bars - 1)
        if not new:
            return roll
        after = np.arange(n_bars, n_bars + self.config.model.phrase_bars) % n_bars
        around = np.concatenate([roll, roll[:, after]], axis=1)
        mask = np.ones(around.shape[:2], bool)
        mask[:, n_bars - new : n_bars] = False
        controls = controls.bars(np.arange(around.shape[1]) % n_bars)
        drafts = [roll]
        for number in range(_LOOP_DRAFTS):
            latents = self._latents(np.random.default_rng([wishes.seed, 4, number]), around.shape[1])
            drafts.append(self._compose(around[None], mask[None], controls, wishes, latents)[:, :n_bars])
        return max(drafts, key=seam_likeness)

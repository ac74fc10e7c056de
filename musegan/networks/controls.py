"""What a piece is asked to be: who plays when, key, density, style. Each can be left free.

The networks see controls and mask together as one row of features per bar.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from musegan.music.pianoroll import ONSET

PLAY, FREE, REST = 1, 0, -1


@dataclass(frozen=True, kw_only=True)
class Controls:
    """Controls of a batch of pieces."""

    play: NDArray[np.int8]  # (batch, track, bar): 1 plays, -1 rests, 0 free
    key: NDArray[np.float32]  # (batch, 12): share of each pitch class, C = 0, sums to 1; all 0 is free
    density: NDArray[np.float32]  # (batch, track): onsets per bar in which the track plays; nan is free
    style: NDArray[np.int64]  # (batch,): index of the style label; -1 is free

    @classmethod
    def free(cls, batch_size: int, n_tracks: int, n_bars: int) -> Controls:
        """Nothing asked for."""
        return cls(
            play=np.zeros((batch_size, n_tracks, n_bars), np.int8),
            key=np.zeros((batch_size, 12), np.float32),
            density=np.full((batch_size, n_tracks), np.nan, np.float32),
            style=np.full(batch_size, -1, np.int64),
        )

    def bars(self, bars: NDArray[np.int64]) -> Controls:
        """The controls of some bars."""
        return replace(self, play=self.play[:, :, bars])

    def pieces(self, index: slice | NDArray[np.int64]) -> Controls:
        """The controls of some pieces of the batch."""
        return Controls(**{item.name: getattr(self, item.name)[index] for item in fields(self)})

    def dropped(self, drop: NDArray[np.bool_]) -> Controls:
        """A copy in which the controls are free that ``drop : (4, batch)`` marks: play, key, density, style."""
        return Controls(
            play=np.where(drop[0, :, None, None], FREE, self.play).astype(np.int8),
            key=np.where(drop[1, :, None], 0, self.key).astype(np.float32),
            density=np.where(drop[2, :, None], np.nan, self.density).astype(np.float32),
            style=np.where(drop[3], -1, self.style),
        )


def measure_controls(rolls: NDArray[np.uint8], key: NDArray[np.float32], style: NDArray[np.int64]) -> Controls:
    """The controls that real phrases answer to.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    key : (batch, 12), float32
        Shares of the pitch classes in the whole song, transposed like the rolls.
    style : (batch,), int64
    """
    plays = rolls.any((3, 4))
    n_onsets = (rolls == ONSET).sum((2, 3, 4))
    density = n_onsets / np.maximum(plays.sum(2), 1)
    return Controls(
        play=np.where(plays, PLAY, REST).astype(np.int8),
        key=key.astype(np.float32),
        density=density.astype(np.float32),
        style=style,
    )


def n_features(n_tracks: int, n_styles: int) -> int:
    """Length of a row of `encode`."""
    return 4 * n_tracks + 12 + n_styles


def encode(controls: Controls, masks: NDArray[np.bool_], n_styles: int) -> NDArray[np.float32]:
    """Features of every bar, as the networks see them.

    Parameters
    ----------
    masks : (batch, track, bar), bool
        True is given.

    Returns
    -------
    (batch, bar, feature), float32
        mask, play, "density is set", log density (each per track), key (12, centred), style (one-hot).
    """
    batch_size, _, n_bars = masks.shape
    is_set = ~np.isnan(controls.density)
    log_density = np.where(is_set, np.log2(1 + np.nan_to_num(controls.density)) / 4, 0)
    style = np.eye(n_styles + 1)[controls.style][:, :n_styles]
    key = np.where(controls.key.any(-1, keepdims=True), 6 * controls.key - 0.5, 0)
    whole = np.concatenate([is_set, log_density, key, style], axis=1)
    return np.concatenate(
        [
            masks.transpose(0, 2, 1),
            controls.play.transpose(0, 2, 1),
            np.broadcast_to(whole[:, None], (batch_size, n_bars, whole.shape[1])),
        ],
        axis=2,
    ).astype(np.float32)

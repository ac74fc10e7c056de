"""The band that plays along: the next bar of the other tracks, from the bars just gone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model import Model
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import Key, estimate_key
from musegan.music.pianoroll import sounding_shares
from musegan.music.piece import Piece

MEMORY_BARS = 16
"""Bars that the key is estimated from."""

CONTEXT_BARS = 8
"""Bars that are looked at while one is composed, it and those before."""

PASSES = 4
"""Passes of the networks for a bar, at most: it has to be there when it is played."""


class Band:
    """Composes bar after bar to what is played on one track. `request` may be replaced between bars."""

    def __init__(
        self,
        model: Model,
        keep: str,
        *,
        tracks: Sequence[str] | None = None,
        request: GenerationRequest | None = None,
    ) -> None:
        """`keep` is the track that somebody plays, `tracks` those that are composed (all others when left out)."""
        self.model, self.request = model, request or GenerationRequest()
        self.spec = model.spec
        self.kept = self.spec.track_index(keep)
        rows = [self.spec.track_index(name) for name in tracks or self.spec.track_names]
        self.rows = [row for row in rows if row != self.kept]
        if not self.rows:
            raise ConfigError(f"{keep} is what you play; name other tracks that the band composes")
        self._composed: dict[int, NDArray[np.uint8]] = {}  # (track, step, pitch) of the newest bars, by number

    def ask(self, bar: int) -> tuple[GenerationRequest, Mapping[int, NDArray[np.uint8]]]:
        """The request for a bar, and what is `given` of it: what others may change until it is composed."""
        return self.request, {}

    def plain(self) -> Band:
        """A copy with a fixed request, which can be sent to another process."""
        names = self.spec.track_names
        return Band(self.model, names[self.kept], tracks=[names[row] for row in self.rows], request=self.request)

    def warm_up(self) -> float:
        """Compose two bars that are not used, because the first is slow, and return the seconds of the second."""
        for _ in range(2):
            begun = time.perf_counter()
            self.next_bar(0, np.zeros(self.spec.shape(0), np.uint8))
        self._composed.clear()
        return time.perf_counter() - begun

    def next_bar(
        self, bar: int, heard: NDArray[np.uint8], given: Mapping[int, NDArray[np.uint8]] | None = None
    ) -> NDArray[np.uint8]:
        """Compose a bar.

        Parameters
        ----------
        bar : int
            Number of the bar to compose, from 0; all before it are gone or nearly so.
        heard : (track, bar, step, pitch), uint8
            The last `MEMORY_BARS` bars before it, or as many as there are, of what was played on the kept track.
        given : mapping of int to (step, pitch), uint8, optional
            What some of the other tracks play in this bar, by row; they are not composed.

        Returns
        -------
        (track, step, pitch), uint8
            The kept track is silent. Cells held at the first step go on from the bar before.
        """
        n_bars = min(self.model.window_bars, CONTEXT_BARS)
        first = max(bar - n_bars + 1, 0)
        roll = np.zeros(self.spec.shape(n_bars), np.uint8)
        mask = np.zeros(roll.shape[:2], bool)
        mask[[row for row in range(self.spec.n_tracks) if row not in self.rows]] = True
        n_past = bar - first
        mask[self.kept, n_past:] = False
        for index in range(n_past):
            known = self._composed.get(first + index)
            if known is not None:
                roll[:, index] = known
                mask[:, index] = True
        for row, cells in (given or {}).items():
            roll[row, n_past] = cells
            mask[row, n_past] = True
        roll[self.kept, :n_past] = heard[self.kept, heard.shape[1] - n_past :]
        key = self.request.key or self._estimate_key(heard)
        passes = min(self.request.passes, PASSES)
        request = replace(self.request, key=key, passes=passes, seed=self.request.seed + bar // n_bars)
        piece = Piece(roll=roll, spec=self.spec)
        composed = self.model.fill(piece, mask, must_play=self.rows, request=request).roll[:, n_past].copy()
        composed[self.kept] = 0
        self._composed[bar] = composed
        self._composed.pop(bar - n_bars, None)
        return composed

    def _estimate_key(self, heard: NDArray[np.uint8]) -> Key | None:
        """The key of what was played; None before the first note."""
        shares = sounding_shares(heard, self.spec)
        return estimate_key(shares) if shares.any() else None

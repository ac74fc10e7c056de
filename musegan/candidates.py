"""Where phrases and pieces to evaluate come from: a dataset, a model, a folder of music files or an array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from musegan.dataset import Dataset
from musegan.errors import DatasetError, MidiError
from musegan.metrics import Rolls
from musegan.pianoroll import notes_to_roll
from musegan.spec import RollSpec

Progress = Callable[[str, float], None]
"""Called with what is being done and which share of it is done."""

BATCH_BARS = 256  # bars composed at once
SHORT_BARS = 8  # phrases of a folder up to this length may end in silence
SUFFIXES = (".mid", ".midi", ".kar", ".rmi")


@dataclass(frozen=True)
class PhraseSet:
    """Phrases or pieces of one length."""

    rolls: Rolls  # (phrase, track, bar, step, pitch)
    groups: NDArray[np.int64]  # (phrase,), number of the song or piece that each is from

    def __len__(self) -> int:
        return len(self.rolls)

    def __getitem__(self, index: Any) -> PhraseSet:
        return PhraseSet(self.rolls[index], self.groups[index])


class Candidate(Protocol):
    """Something to evaluate."""

    name: str
    spec: RollSpec

    def sample(self, n: int, n_bars: int, seed: int, progress: Progress | None = None) -> PhraseSet:
        """Up to `n` phrases of `n_bars`; fewer when there are not so many."""
        ...


class DatasetCandidate:
    """Real music: windows of one split of a dataset, in the keys of the songs."""

    def __init__(self, dataset: Dataset, split: str, min_tracks: int = 1) -> None:
        self.name, self.spec = "real", dataset.spec
        self.dataset, self.split = dataset, split
        self.min_tracks = min(min_tracks, dataset.spec.n_tracks)

    def sample(self, n: int, n_bars: int, seed: int, progress: Progress | None = None) -> PhraseSet:
        windows = self.dataset.windows(n_bars, self.split, self.min_tracks)
        chosen = np.random.default_rng(seed).permutation(windows)[:n]
        song = self.dataset.songs["source"][self.dataset.song_of(chosen)]
        return PhraseSet(self.dataset.rolls(chosen, n_bars), song.astype(np.int64))


class ModelCandidate:
    """A model that composes.

    Parameters
    ----------
    compose : (given, mask, seed) -> rolls
        Composes what is not under the mask, in pieces of any length.
    phrase_bars : int
        Bars that the model composes at once; longer pieces are joined from such windows.
    """

    def __init__(
        self,
        name: str,
        spec: RollSpec,
        compose: Callable[[Rolls, NDArray[np.bool_], int], Rolls],
        phrase_bars: int,
    ) -> None:
        self.name, self.spec, self.phrase_bars = name, spec, phrase_bars
        self._compose = compose

    @classmethod
    def of(cls, model: Any, name: str) -> ModelCandidate:
        """A model as the library loads it."""
        from musegan.generation import compose  # loads torch

        return cls(
            name,
            model.spec,
            lambda given, mask, seed: compose(model, given, mask, seed=seed),
            model.config.model.phrase_bars,
        )

    def sample(self, n: int, n_bars: int, seed: int, progress: Progress | None = None) -> PhraseSet:
        shape = n, *self.spec.shape(n_bars)
        nothing = np.broadcast_to(np.uint8(0), shape)
        return PhraseSet(self.compose(nothing, np.zeros(shape[:3], bool), seed, progress), np.arange(n))

    def compose(self, given: Rolls, mask: NDArray[np.bool_], seed: int, progress: Progress | None = None) -> Rolls:
        """Complete ``given : (batch, track, bar, step, pitch)`` where ``mask : (batch, track, bar)`` is False."""
        n, n_bars = len(given), given.shape[2]
        size = max(1, BATCH_BARS // n_bars)
        out = np.empty(given.shape, np.uint8)
        for first in range(0, n, size):
            batch = slice(first, first + size)
            out[batch] = self._compose(given[batch], mask[batch], seed + first)
            if progress:
                progress(f"{self.name}: composing", min(first + size, n) / n)
        return out


class FolderCandidate:
    """Music files of any program: every run of bars in the meter of the spec, cut into phrases end to end.

    A run that is shorter than a phrase ends in silence; what is left at the end of a longer one is not used.
    """

    def __init__(self, folder: Path, spec: RollSpec) -> None:
        self.name, self.spec = folder.resolve().name, spec
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not self.paths:
            raise DatasetError(f"there are no MIDI files in {folder}")

    @cached_property
    def _stretches(self) -> list[tuple[int, Rolls]]:
        """Number of the file and roll of each unbroken stretch."""
        from musegan.midi.quantize import quantize
        from musegan.midi.read import read_score

        found = []
        for index, path in enumerate(self.paths):
            try:
                stretches = quantize(read_score(path), self.spec)
            except MidiError:
                continue  # one bad file does not stop the others
            found += [(index, notes_to_roll(s.notes, self.spec, s.n_bars)) for s in stretches]
        return found

    def sample(self, n: int, n_bars: int, seed: int, progress: Progress | None = None) -> PhraseSet:
        places = [
            (stretch, first)
            for stretch, (_, roll) in enumerate(self._stretches)
            for first in range(0, max(roll.shape[1] - n_bars, 0) + 1, n_bars)
            if roll.shape[1] >= n_bars or n_bars <= SHORT_BARS
        ]
        chosen = np.random.default_rng(seed).permutation(len(places))[:n]
        rolls = np.zeros((len(chosen), *self.spec.shape(n_bars)), np.uint8)
        for out, index in zip(rolls, chosen, strict=True):
            stretch, first = places[index]
            part = self._stretches[stretch][1][:, first : first + n_bars]
            out[:, : part.shape[1]] = part
        return PhraseSet(rolls, np.array([self._stretches[places[i][0]][0] for i in chosen], np.int64))


class ArrayCandidate:
    """Phrases in a ``.npy`` file: ``(phrase, track, bar, step, pitch), uint8``."""

    def __init__(self, path: Path, spec: RollSpec) -> None:
        self.name, self.spec = path.stem, spec
        try:
            self._rolls = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} cannot be read as an array of rolls: {error}") from error
        shape = self._rolls.shape
        if self._rolls.dtype != np.uint8 or len(shape) != 5 or shape[1:] != spec.shape(shape[2]):
            raise DatasetError(
                f"{path} holds {self._rolls.dtype} of shape {shape}; rolls are uint8 (phrase, track, bar, step, "
                f"pitch) with {spec.n_tracks} tracks, {spec.steps_per_bar} steps and {spec.n_pitches} pitches"
            )

    def sample(self, n: int, n_bars: int, seed: int, progress: Progress | None = None) -> PhraseSet:
        found = self._rolls if n_bars <= self._rolls.shape[2] else self._rolls[:0]
        chosen = np.sort(np.random.default_rng(seed).permutation(len(found))[:n])
        rolls = np.array(found[chosen, :, :n_bars]).reshape(-1, *self.spec.shape(n_bars))
        return PhraseSet(rolls, chosen)

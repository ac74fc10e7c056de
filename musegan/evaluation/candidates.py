"""Where phrases and pieces to evaluate come from: a dataset, a model, a folder of music files or an array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import Dataset
from musegan.errors import DatasetError, MidiError
from musegan.files import MIDI_SUFFIXES
from musegan.metrics import Rolls, Values, loose_cells
from musegan.midi.quantize import quantize_score
from musegan.midi.read import read_score
from musegan.music.note_table import keep_notes
from musegan.music.pianoroll import notes_to_roll
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec

OnProgress = Callable[[str, float], None]
"""Called with what is being done and which share of it is done."""

BATCH = 64  # phrases or pieces composed at once
SHORT_BARS = 8  # phrases of a folder up to this length may end in silence


@dataclass(frozen=True)
class PhraseSet:
    """Phrases or pieces of one length, nothing but notes: what would sound before the start is left out."""

    rolls: Rolls  # (phrase, track, bar, step, pitch)
    groups: NDArray[np.int64]  # (phrase,), number of the song or piece that each is from
    loose: Values | None = (
        None  # (phrase, track, bar), share of loose cells that a model drew; taken out of `rolls`
    )

    def __len__(self) -> int:
        return len(self.rolls)

    def __getitem__(self, index: Any) -> PhraseSet:
        return PhraseSet(self.rolls[index], self.groups[index], None if self.loose is None else self.loose[index])


class Candidate(ABC):
    """Something to evaluate, and what it can do."""

    name: str
    spec: RollSpec
    has_joins = False  # long pieces are joined from windows, so seams can be looked for
    can_fill = False  # `fill` completes phrases

    @abstractmethod
    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        """Up to `n` phrases of `n_bars`; fewer when there are not so many."""

    def fill(
        self, given: Rolls, mask: NDArray[np.bool_], seed: int = 0, progress: OnProgress | None = None
    ) -> Rolls:
        """Complete ``given : (batch, track, bar, step, pitch)`` where ``mask : (batch, track, bar)`` is False."""
        raise NotImplementedError(f"{self.name} cannot complete phrases")


class DatasetCandidate(Candidate):
    """Real music: windows of one split of a dataset, in the keys of the songs."""

    def __init__(self, dataset: Dataset, split: str, min_tracks: int = 1) -> None:
        self.name, self.spec = "real", dataset.spec
        self.dataset, self.split = dataset, split
        self.min_tracks = min(min_tracks, dataset.spec.n_tracks)

    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        windows = self.dataset.windows(n_bars, self.split, self.min_tracks)
        chosen = np.random.default_rng(seed).permutation(windows)[:n]
        song = self.dataset.songs["source"][self.dataset.song_of(chosen)]
        return PhraseSet(keep_notes(self.dataset.rolls(chosen, n_bars), self.spec), song.astype(np.int64))


class ModelCandidate(Candidate):
    """A model that composes.

    Parameters
    ----------
    compose : (n, n_bars, seed) -> rolls
        Composes pieces from nothing.
    fill : (given, mask, seed) -> rolls
        Completes phrases where the mask ``(batch, track, bar)`` is False.
    """

    has_joins = can_fill = True

    def __init__(
        self,
        name: str,
        spec: RollSpec,
        compose: Callable[[int, int, int], Rolls],
        fill: Callable[[Rolls, NDArray[np.bool_], int], Rolls],
    ) -> None:
        self.name, self.spec = name, spec
        self._compose, self._fill = compose, fill

    @classmethod
    def of(cls, model: Any, name: str) -> ModelCandidate:
        """A model as `musegan.load_model` returns it, asked as its users ask it."""
        from musegan.composing.compose import compose  # these load torch
        from musegan.composing.request import GenerationRequest

        spec = model.spec

        def from_nothing(n: int, n_bars: int, seed: int) -> Rolls:
            shape = n, *spec.shape(n_bars)
            return compose(model, np.zeros(shape, np.uint8), np.zeros(shape[:3], bool), seed=seed)

        def around(given: Rolls, mask: NDArray[np.bool_], seed: int) -> Rolls:
            pieces = (Piece(roll=roll, spec=spec) for roll in given)
            requests = (GenerationRequest(seed=seed + index) for index in range(len(given)))
            asked = zip(pieces, mask, requests, strict=True)
            return np.stack([model.fill(piece, own, request=request).roll for piece, own, request in asked])

        return cls(name, spec, from_nothing, around)

    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        parts = []
        for first in range(0, n, BATCH):
            parts.append(self._compose(min(BATCH, n - first), n_bars, seed + first))
            if progress:
                progress(f"{self.name}: composing", min(first + BATCH, n) / n)
        raw = np.concatenate(parts)
        return PhraseSet(keep_notes(raw, self.spec), np.arange(n), loose_cells(raw, self.spec))

    def fill(
        self, given: Rolls, mask: NDArray[np.bool_], seed: int = 0, progress: OnProgress | None = None
    ) -> Rolls:
        parts = []
        for first in range(0, len(given), BATCH):
            batch = slice(first, first + BATCH)
            parts.append(self._fill(given[batch], mask[batch], seed + first))
            if progress:
                progress(f"{self.name}: completing", min(first + BATCH, len(given)) / len(given))
        return np.concatenate(parts)


class FolderCandidate(Candidate):
    """Music files of any program: every run of bars in the meter of the spec, cut into phrases end to end.

    A run that is shorter than a phrase ends in silence; what is left at the end of a longer one is not used.
    """

    def __init__(self, folder: Path, spec: RollSpec) -> None:
        self.name, self.spec = folder.resolve().name, spec
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MIDI_SUFFIXES)
        if not self.paths:
            raise DatasetError(f"there are no MIDI files in {folder}")

    @cached_property
    def _stretches(self) -> list[tuple[int, Rolls]]:
        """Number of the file and roll of each unbroken stretch."""
        found = []
        for index, path in enumerate(self.paths):
            try:
                stretches = quantize_score(read_score(path), self.spec)
            except MidiError:
                continue  # one bad file does not stop the others
            found += [(index, notes_to_roll(s.notes, self.spec, s.n_bars)) for s in stretches]
        return found

    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
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
        files = np.array([self._stretches[places[i][0]][0] for i in chosen], np.int64)
        return PhraseSet(keep_notes(rolls, self.spec), files)


class ArrayCandidate(Candidate):
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

    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        found = self._rolls if n_bars <= self._rolls.shape[2] else self._rolls[:0]
        chosen = np.sort(np.random.default_rng(seed).permutation(len(found))[:n])
        rolls = np.array(found[chosen, :, :n_bars]).reshape(-1, *self.spec.shape(n_bars))
        return PhraseSet(keep_notes(rolls, self.spec), chosen)

"""Where phrases and pieces to evaluate come from: a dataset, a model, a folder of music files or an array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import Dataset
from musegan.corpus.draws import spread_over_songs
from musegan.errors import DatasetError, MidiError
from musegan.files import MIDI_SUFFIXES
from musegan.metrics import Rolls
from musegan.midi.quantize import quantize_score
from musegan.midi.read import read_score
from musegan.music.note_table import keep_notes
from musegan.music.pianoroll import notes_to_roll
from musegan.music.piece import Feel, Piece
from musegan.music.spec import RollSpec

if TYPE_CHECKING:
    from musegan.composing.model import Model

OnProgress = Callable[[str, float], None]
"""Called with what is being done and which share of it is done."""

BATCH = 16  # phrases or pieces composed at once
SHORT_BARS = 8  # phrases of a folder up to this length may end in silence


@dataclass(frozen=True)
class PhraseSet:
    """Phrases or pieces of one length, nothing but notes: what would sound before the start is left out."""

    rolls: Rolls  # (phrase, track, bar, step, pitch)
    songs: NDArray[
        np.int64
    ]  # (phrase,), number of the song or piece that each is from; below 0 for no song of a dataset

    def __len__(self) -> int:
        return len(self.rolls)

    def __getitem__(self, index: Any) -> PhraseSet:
        return PhraseSet(self.rolls[index], self.songs[index])


def number_pieces(pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of pieces, counted from 0, that are no song's."""
    return -1 - pieces


class Candidate(ABC):
    """Something to evaluate, and what it can do."""

    name: str
    spec: RollSpec
    can_fill = False  # `fill` completes phrases
    feel: Feel | None = None  # a head that plays notes

    @abstractmethod
    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        """Up to `n` phrases of `n_bars`; fewer when there are not so many."""

    def join_bars(self, n_bars: int) -> NDArray[np.int64]:
        """Bars of a long piece before which a window was joined to another; none for what is composed at once."""
        return np.empty(0, np.int64)

    def fill(
        self, given: Rolls, mask: NDArray[np.bool_], seed: int = 0, progress: OnProgress | None = None
    ) -> Rolls:
        """Complete ``given : (batch, track, bar, step, pitch)`` where ``mask : (batch, track, bar)`` is False."""
        raise NotImplementedError(f"{self.name} cannot complete phrases")


class DatasetCandidate(Candidate):
    """Real music: windows of one split of a dataset, in the keys of the songs, equally many of every song.

    As many as there are songs are one of each.
    """

    def __init__(self, dataset: Dataset, split: str, name: str, min_tracks: int = 1) -> None:
        self.name, self.spec = name, dataset.spec
        self.dataset, self.split = dataset, split
        self.min_tracks = min(min_tracks, dataset.spec.n_tracks)

    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        windows = self.dataset.windows(n_bars, self.split, self.min_tracks)
        songs = self.dataset.songs["source"][self.dataset.song_of(windows)].astype(np.int64)
        chosen = spread_over_songs(songs, np.random.default_rng(seed))[:n]
        rolls = self.dataset.rolls(windows[chosen], n_bars)
        return PhraseSet(keep_notes(rolls, self.spec), songs[chosen])


class ModelCandidate(Candidate):
    """A model that composes.

    Parameters
    ----------
    compose : (n, n_bars, seed) -> rolls
        Composes pieces from nothing.
    fill : (given, mask, seed) -> rolls
        Completes phrases where the mask ``(batch, track, bar)`` is False.
    window_bars : int, optional
        Bars that are composed at once; everything when left out.
    """

    can_fill = True

    def __init__(
        self,
        name: str,
        spec: RollSpec,
        compose: Callable[[int, int, int], Rolls],
        fill: Callable[[Rolls, NDArray[np.bool_], int], Rolls],
        window_bars: int | None = None,
    ) -> None:
        self.name, self.spec, self.window_bars = name, spec, window_bars
        self._compose, self._fill = compose, fill

    @classmethod
    def from_model(cls, model: Model, name: str, passes: int | None = None) -> ModelCandidate:
        """A model as `musegan.load_model` returns it, asked as its users ask it; tracks play when they do in the
        songs whose plans it follows."""
        from musegan.composing.request import GenerationRequest  # this loads torch

        request = GenerationRequest() if passes is None else GenerationRequest(passes=passes)

        def make_requests(n: int, seed: int) -> list[GenerationRequest]:
            return [replace(request, seed=seed + index) for index in range(n)]

        def from_nothing(n: int, n_bars: int, seed: int) -> Rolls:
            pieces = model.generate_many(make_requests(n, seed), n_bars, arrangement="song")
            return np.stack([piece.roll for piece in pieces])

        def fill_around(given: Rolls, mask: NDArray[np.bool_], seed: int) -> Rolls:
            pieces = [Piece(roll=roll, spec=model.spec) for roll in given]
            filled = model.fill_many(pieces, list(mask), make_requests(len(given), seed))
            return np.stack([piece.roll for piece in filled])

        candidate = cls(name, model.spec, from_nothing, fill_around, model.window_bars)
        candidate.feel = None if isinstance(model.feel, np.ndarray) else model.feel
        return candidate

    def sample(self, n: int, n_bars: int, seed: int, progress: OnProgress | None = None) -> PhraseSet:
        """Phrases are cut from pieces that are composed at once, as many as there are in one."""
        per_piece = max((self.window_bars or n_bars) // n_bars, 1)
        n_pieces = -(-n // per_piece)
        parts = []
        for first in range(0, n_pieces, BATCH):
            size = min(BATCH, n_pieces - first)
            parts.append(self._compose(size, per_piece * n_bars, seed + first))
            if progress:
                progress(f"{self.name}: composing", (first + size) / n_pieces)
        pieces = np.concatenate(parts)  # (piece, track, bar, step, pitch)
        split = pieces.reshape(*pieces.shape[:2], per_piece, n_bars, *pieces.shape[3:]).swapaxes(1, 2)
        rolls = split.reshape(-1, *self.spec.shape(n_bars))[:n]
        return PhraseSet(keep_notes(rolls, self.spec), number_pieces(np.arange(n) // per_piece))

    def join_bars(self, n_bars: int) -> NDArray[np.int64]:
        from musegan.composing.windows import slide_windows  # this loads torch

        if self.window_bars is None:
            return super().join_bars(n_bars)
        ends = [end for _, end in slide_windows(np.ones(n_bars, bool), self.window_bars)]
        return np.array(ends[:-1], np.int64)

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
        return PhraseSet(keep_notes(rolls, self.spec), number_pieces(files))


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
        return PhraseSet(keep_notes(rolls, self.spec), number_pieces(chosen))

"""The pieces of a synthesized folder, a batch at a time: composed from nothing, or variations of real songs.

The batch that a file is in is fixed, so its bytes follow from the settings and its number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.composing.model import Model, load_model
from musegan.composing.request import GenerationRequest
from musegan.corpus.dataset import SPLITS, Dataset
from musegan.errors import ConfigError
from musegan.models.model_file import describe_model
from musegan.music.key import estimate_key
from musegan.music.pianoroll import ONSET, sort_cells, sounding_shares
from musegan.music.piece import Piece
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM, RollSpec
from musegan.synthesis.manifest import Row, describe_piece, format_grid

BATCH = 16  # files composed together; more are no faster
TEMPOS = (70, 160)  # quarter notes a minute; those of pieces from nothing are drawn from here


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the files are made from. A folder goes on only with the same."""

    model: str  # path of the model file
    n_bars: int = 8
    seed: int = 0  # file i has the seed `seed + i`
    valid_fraction: float = 0.1  # share of the files with split "valid"; variations have that of their song
    temperature: float = GenerationRequest.temperature
    passes: int = GenerationRequest.passes
    style: str | None = None
    variations_of: str | None = None  # path of a dataset
    amount: float = 0.3  # share of the sounding cells of a song that are composed anew


def check_settings(settings: Settings) -> None:
    """Raise `MuseganError` when settings ask for what cannot be made, before any process is started."""
    if settings.variations_of is None:
        return
    if settings.style is not None:
        raise ConfigError("variations have the styles of their songs; leave the style out", field="style")
    spec = RollSpec.from_dict(describe_model(Path(settings.model))["spec"])
    dataset = Dataset(settings.variations_of)
    spec.require_same(dataset.spec, "the model", f"the dataset {dataset.path}")
    if not sum(map(len, _find_windows(dataset, settings.n_bars))):
        raise ConfigError(f"{dataset.path} has no song of {settings.n_bars} bars; ask for fewer", field="bars")


def make_batch(settings: Settings, number: int) -> list[tuple[Piece, Row]]:
    """The `BATCH` pieces from file ``number * BATCH`` on, each with its row of the manifest without the file."""
    seeds = [settings.seed + index for index in range(number * BATCH, (number + 1) * BATCH)]
    model = _load_model(settings.model)
    return (
        _vary_songs(model, settings, seeds) if settings.variations_of else _compose_pieces(model, settings, seeds)
    )


def _compose_pieces(model: Model, settings: Settings, seeds: Sequence[int]) -> list[tuple[Piece, Row]]:
    requests, splits = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])  # of what the model is not asked for
        tempo = float(rng.integers(TEMPOS[0], TEMPOS[1] + 1))
        splits.append("valid" if rng.random() < settings.valid_fraction else "train")
        requests.append(replace(_make_request(settings, seed), style=settings.style, tempo_qpm=tempo))
    pieces = model.generate_many(requests, settings.n_bars)
    return [
        (piece, {"split": split, **describe_piece(piece, piece.seed), "style": settings.style or ""})
        for piece, split in zip(pieces, splits, strict=True)
    ]


def _make_request(settings: Settings, seed: int) -> GenerationRequest:
    return GenerationRequest(seed=seed, temperature=settings.temperature, passes=settings.passes)


def _vary_songs(model: Model, settings: Settings, seeds: Sequence[int]) -> list[tuple[Piece, Row]]:
    """Variations of as many stretches of songs, drawn anew for each seed."""
    dataset = _load_dataset(str(settings.variations_of))
    firsts = np.concatenate(_find_windows(dataset, settings.n_bars))
    pieces, masks, requests, rows = [], [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        first = int(rng.choice(firsts))
        roll = dataset.rolls(np.array([first]), settings.n_bars)[0]
        new = _draw_cells(rng, roll.any((2, 3)), settings.amount)
        song = int(dataset.song_of(np.array([first]))[0])
        style = int(dataset.songs["style"][song])
        tempo = round(float(np.clip(dataset.songs["tempo_qpm"][song], SLOWEST_QPM, FASTEST_QPM)), 2)
        key = estimate_key(sounding_shares(roll, dataset.spec))
        names = dataset.spec.track_names
        plays = {name: np.flatnonzero(cells).tolist() for name, cells in zip(names, new, strict=True)}
        pieces.append(Piece(roll=roll, spec=dataset.spec, tempo_qpm=tempo, key=key))
        masks.append(~new)
        requests.append(replace(_make_request(settings, seed), key=key, plays=plays))
        rows.append(
            {
                "split": SPLITS[dataset.songs["split"][song]],
                "style": dataset.styles[style] if style >= 0 else "",
                "source": dataset.song_name(song),
                "first_bar": str(first - int(dataset.song_starts[song]) + 1),
                "composed": format_grid(names, new),
            }
        )
    varied = [_restrike_cut_notes(piece) for piece in model.fill_many(pieces, masks, requests)]
    return [(piece, describe_piece(piece, piece.seed) | row) for piece, row in zip(varied, rows, strict=True)]


def _restrike_cut_notes(piece: Piece) -> Piece:
    """The piece with an onset wherever a note goes on whose start is cut off or composed anew."""
    roll = piece.roll.copy()
    cells, is_onset, is_first = sort_cells(roll)
    roll.flat[cells[is_first & ~is_onset]] = ONSET
    return replace(piece, roll=roll)


def _draw_cells(rng: np.random.Generator, sounds: NDArray[np.bool_], amount: float) -> NDArray[np.bool_]:
    """A share `amount` of the cells that sound, at least one: ``(track, bar)``."""
    places = np.flatnonzero(sounds)
    new = np.zeros_like(sounds)
    new.flat[rng.permutation(places)[: max(round(amount * len(places)), 1)]] = True
    return new


def _find_windows(dataset: Dataset, n_bars: int) -> list[NDArray[np.int64]]:
    """First bars of the stretches of songs in which something sounds, by split."""
    return [dataset.windows(n_bars, split) for split in SPLITS]


@lru_cache(maxsize=1)
def _load_model(path: str) -> Model:
    torch.set_num_threads(1)  # there is a process a core
    return load_model(path, "cpu")


@lru_cache(maxsize=1)
def _load_dataset(path: str) -> Dataset:
    return Dataset(path)

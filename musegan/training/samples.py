"""Sample pieces of a run, and the prior of controls of its models."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from musegan.composing.draws import Draws
from musegan.composing.sampling import SamplingSettings
from musegan.composing.windows import compose_rolls
from musegan.config import Config
from musegan.corpus.draws import spread_over_songs
from musegan.corpus.note_list import NoteList
from musegan.errors import DatasetError
from musegan.models.trained_model import TrainedModel
from musegan.music.controls import Controls
from musegan.music.piece import Piece
from musegan.random_streams import Stream, make_rng

PRIOR_SIZE = 2048  # sections whose controls are kept in a model
PRIOR_BARS = 16  # of a section, or fewer if few songs are so long
_LENGTHS = (PRIOR_BARS, 8, 4, 2, 1)
_ENOUGH_TRACKS = 3  # that play in a section
LONG_ENOUGH = 0.5  # share of the songs that must have such sections
N_SAMPLES = 4  # pieces that are written at every measurement
_PASSES = 16
_CHUNK = 64  # sections that are read at once


def sample_prior(notes: NoteList, config: Config, size: int = PRIOR_SIZE) -> Controls:
    """The controls of `size` random sections of the training songs, or of all, in their keys.

    Every song has one before any has two. Three tracks play in them where half of the songs have such sections.
    Raises `DatasetError` where no training song has a bar in which enough tracks sound.
    """
    few = config.train.min_tracks
    n_songs = len(np.unique(notes.song_of(notes.windows(1, "train", few))))
    if not n_songs:
        raise DatasetError(f"the corpus has no training song with a bar in which {few} tracks sound")
    for length, n_tracks in product(_LENGTHS, (max(few, _ENOUGH_TRACKS), few)):
        starts = notes.windows(length, "train", n_tracks)
        if len(np.unique(notes.song_of(starts))) >= LONG_ENOUGH * n_songs:
            break
    order = spread_over_songs(notes.song_of(starts), make_rng(config.train.seed, Stream.PRIOR))
    chosen = starts[order[:size]]
    parts = [chosen[first : first + _CHUNK] for first in range(0, len(chosen), _CHUNK)]
    as_is = [notes.read(part, length, np.zeros(len(part), np.int64)) for part in parts]
    return Controls.join([Controls.measure(music) for music in as_is])


def change_prior(model: TrainedModel, notes: NoteList, source: str) -> TrainedModel:
    """The same network with the sections of another corpus: what it composes from nothing follows their plans.

    `source` is the name of the corpus, for messages and the facts of the model.

    Raises `ConfigError` when it is for another ensemble, `DatasetError` when nothing in it can be used.
    """
    model.spec.require_same(notes.spec, "the model", source)
    prior = sample_prior(notes.with_styles(model.config.model.styles), model.config)
    return replace(model, prior=prior, facts={**model.facts, "sections": Path(source).name})


def write_samples(model: TrainedModel, folder: Path, windows_seen: int) -> None:
    """Compose the same sections at every measurement and write them as MIDI and a picture."""
    from musegan.render import write
    from musegan.render.sheet import draw_grid

    folder.mkdir(parents=True, exist_ok=True)
    controls = model.prior.pieces(np.arange(min(N_SAMPLES, model.prior.n_pieces)))
    n_bars = min(controls.n_bars, model.window_bars)
    controls = controls.bars(np.arange(n_bars))
    nothing = np.zeros((controls.n_pieces, *model.spec.shape(n_bars)), np.uint8)
    draws = Draws.from_generators([make_rng(index, Stream.CELLS) for index in range(controls.n_pieces)])
    settings = SamplingSettings(n_passes=_PASSES)
    rolls = compose_rolls(model, nothing, np.zeros(nothing.shape[:3], bool), controls, settings, draws)
    for index, roll in enumerate(rolls):
        piece = Piece(roll=roll, spec=model.spec, feel=model.feel, seed=index)
        write(piece, folder / f"{windows_seen:09d}-{index + 1}.mid")
    draw_grid(rolls, model.spec, folder / f"{windows_seen:09d}.png")

"""The prior of controls: where the user asks for nothing, a piece has those of a section of a real song."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.models.trained_model import TrainedModel, count_chord_tones
from musegan.music.control_kinds import PLAYS
from musegan.music.controls import Controls
from musegan.music.key import Key, estimate_key, key_scores
from musegan.random_streams import Stream, make_rng

_MIN_TRACKS = 3  # that play in the phrase with which a piece begins, where a section has such
# Sections among which one is sought whose chords say its key, and by what margin; where the user asks for a key.
_N_EXCERPTS, _CLEAR_MARGIN = 8, 0.1
_N_EXCERPTS_IN_KEY, _CLEAR_MARGIN_IN_KEY = 32, 0.35


def draw_section(model: TrainedModel, request: GenerationRequest, n_bars: int) -> Controls:
    """Controls of one piece of `n_bars`: those of a section of a real song, in its key.

    Of some sections the first is taken whose chords say its key clearly. A piece that is longer than a section
    goes through it again.
    """
    rng = make_rng(request.seed, Stream.SECTION)
    rows = _find_rows(model, request)
    n_excerpts, margin = (
        (_N_EXCERPTS, _CLEAR_MARGIN) if request.key is None else (_N_EXCERPTS_IN_KEY, _CLEAR_MARGIN_IN_KEY)
    )
    best, most = None, -np.inf
    for _ in range(n_excerpts):
        controls = _cut_excerpt(model, rng, model.prior.pieces(rng.choice(rows, 1)), n_bars)
        scores = key_scores(count_chord_tones(controls)[0])
        own = int(key_scores(controls["key"][0]).argmax())
        lead = scores[own] - np.delete(scores, own).max()
        if lead > most:
            best, most = controls, lead
        if lead >= margin:
            break
    assert best is not None
    return best


def move_to_key(controls: Controls, key: Key) -> Controls:
    """Controls of one piece in a key, or in the relative key of the other mode; moved by 6 semitones at most."""
    shift = estimate_key(controls["key"][0]).to_canonical - key.to_canonical
    return controls.transpose(np.array([(shift + 6) % 12 - 6]))


def _cut_excerpt(model: TrainedModel, rng: np.random.Generator, section: Controls, n_bars: int) -> Controls:
    """`n_bars` of a section, from a phrase on in which enough tracks play, and again from its start if need be."""
    phrase = min(model.phrase_bars, section.n_bars)
    n_firsts = section.n_bars - (phrase if n_bars > section.n_bars else max(n_bars, phrase)) + 1
    play = section["play"][0] == PLAYS
    heard = np.array([play[:, first : first + phrase].any(1).sum() for first in range(n_firsts)])
    enough = min(_MIN_TRACKS, model.spec.n_tracks, heard.max())
    first = int(rng.choice(np.flatnonzero(heard >= enough)))
    return section.bars((first + np.arange(n_bars)) % section.n_bars)


def _find_rows(model: TrainedModel, request: GenerationRequest) -> NDArray[np.int64]:
    """The sections in the mode and style asked for, whose chords do not say another key.

    Where no section is all of this, the chords do not count, then not the mode either.
    """
    keys, fits = model.prior_keys
    wanted = np.ones(len(keys), bool)
    if request.style is not None:
        offered = model.offered_styles
        if request.style not in offered:
            raise ConfigError(f"there is no style {request.style!r}; the model has {', '.join(offered) or 'none'}")
        wanted &= model.prior["style"] == model.config.model.styles.index(request.style)
    if request.key is not None:
        wanted = _intersect_if_any(wanted, (keys >= 12) == request.key.is_minor)
    return np.flatnonzero(_intersect_if_any(wanted, fits))


def _intersect_if_any(wanted: NDArray[np.bool_], more: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return wanted & more if np.any(wanted & more) else wanted

"""What a user asks for besides the task, and the controls that it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model_file import ModelFile
from musegan.composing.windows import draw_controls
from musegan.errors import ConfigError
from musegan.music.harmony import Key, key_scores
from musegan.music.pianoroll import sounding_shares
from musegan.networks.controls import PLAY, REST, Controls


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user asks for besides the task. Everything can be left out."""

    seed: int = 0
    temperature: float = 1.0  # scale of the latents
    best_of: int = 1  # drafts, of which the best is kept
    key: Key | None = None  # of the piece; estimated from given material when there is some
    snap: bool = False  # move the notes outside the key's scale to it
    density: Mapping[str, float] | None = None  # times the usual number of notes, by track name
    rests: Mapping[str, Sequence[int]] | None = None  # bars (0-based) in which a track is silent
    style: str | None = None  # label of the training corpus
    tempo_qpm: float | None = None  # 120, or that of the given piece, when left out


def prior_rows(model: ModelFile, wishes: Wishes) -> NDArray[np.int64]:
    """The sections of real songs in the mode and style that are wished for."""
    wanted = np.ones(len(model.prior.key), bool)
    if wishes.style is not None:
        styles = model.config.model.styles
        if wishes.style not in styles:
            raise ConfigError(f"there is no style {wishes.style!r}; the model has {', '.join(styles) or 'none'}")
        wanted &= model.prior.style == styles.index(wishes.style)
    if wishes.key is not None:
        is_minor = key_scores(model.prior.key).argmax(-1) >= 12
        wanted &= is_minor == wishes.key.is_minor
    return np.flatnonzero(wanted) if wanted.any() else np.arange(len(wanted))


def restrict(model: ModelFile, controls: Controls, tracks: Sequence[str] | None, wishes: Wishes) -> Controls:
    """Controls with what the user says of tracks, rests and density."""
    play, density = controls.play.copy(), controls.density.copy()
    if tracks is not None:
        is_asked = np.isin(np.arange(model.spec.n_tracks), [model.spec.track_index(name) for name in tracks])
        play[(play <= 0).all(2) & is_asked] = PLAY
        play[:, ~is_asked] = REST
    for name, bars in (wishes.rests or {}).items():
        outside = [bar + 1 for bar in bars if not 0 <= bar < play.shape[2]]
        if outside:
            raise ConfigError(f"{name} cannot rest in bar {outside[0]}: the piece has {play.shape[2]} bars")
        play[:, model.spec.track_index(name), list(bars)] = REST
    for name, factor in (wishes.density or {}).items():
        row = model.spec.track_index(name)
        usual = float(np.nanmean(model.prior.density[model.prior.density[:, row] > 0, row]))
        density[:, row] = factor * np.where(density[:, row] > 0, density[:, row], usual)
    return replace(controls, play=play, density=density)


def controls_for(
    model: ModelFile, context: NDArray[np.uint8], mask: NDArray[np.bool_], must_play: Sequence[int], wishes: Wishes
) -> Controls:
    """Controls of a task on given material: its key, its densities, and the tracks that it has.

    A track plays where it is composed unless what is given of it is silent.
    """
    rng = np.random.default_rng(wishes.seed)
    controls = draw_controls(model, rng, 1, mask.shape[1], prior_rows(model, wishes))
    sounds = context[0].any((2, 3))
    plays: NDArray[np.bool_] = np.any(sounds & mask, axis=1) | ~np.any(mask, axis=1)
    plays |= np.isin(np.arange(model.spec.n_tracks), must_play)
    n_onsets = (context[0] == 2).sum((1, 2, 3))
    n_played = (sounds & mask).sum(1)
    density = np.where(n_played > 0, n_onsets / np.maximum(n_played, 1), controls.density[0])
    shares = sounding_shares(context[0], model.spec)
    controls = replace(
        controls,
        play=np.where(mask, np.where(sounds, PLAY, REST), np.where(plays, PLAY, REST)[:, None])[None].astype(
            np.int8
        ),
        key=shares[None] if shares.any() else controls.key,
        density=density[None].astype(np.float32),
    )
    return restrict(model, controls, None, wishes)

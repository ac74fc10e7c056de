"""The controls that a request comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.compose import draw_controls, near_unknown
from musegan.composing.request import GenerationRequest
from musegan.composing.trained import TrainedModel
from musegan.errors import ConfigError
from musegan.music.chords import harmony_plan, parse_progression, transpose_plan, unpack_tones
from musegan.music.key import Key, estimate_key, key_scores
from musegan.music.pianoroll import ONSET, sounding_shares, transpose
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec
from musegan.networks.controls import (
    LENGTH,
    ON_BEAT,
    PLAY,
    REST,
    Controls,
    measure_controls,
    measure_groove,
    measure_register,
    measure_texture,
)

_NEAR = 512  # bars before and after what is composed to which it listens
_CALM_LENGTH = 0.6  # octaves by which notes are to be longer at temperature 0
_CALM_ON_BEAT = 0.1  # share of the notes that is to be on beats besides
# Of 4,145 songs: 2,757 in major and 1,388 in minor keys, percent by tonic from C up, as `estimate_key` hears them.
_MAJOR_SHARES = (14, 3, 17, 4, 8, 9, 3, 18, 3, 13, 5, 3)
_MINOR_SHARES = (9, 5, 13, 5, 17, 5, 5, 10, 3, 17, 3, 7)


def choose_prior_rows(model: TrainedModel, request: GenerationRequest) -> NDArray[np.int64]:
    """The sections of real songs in the mode and style asked for, whose chords do not say another key.

    Where no section is all of this, the chords do not count, then not the mode either.
    """
    prior, (keys, fits) = model.prior, model.keys_of_prior
    wanted = np.ones(len(keys), bool)
    if request.style is not None:
        offered = model.offered_styles
        if request.style not in offered:
            raise ConfigError(f"there is no style {request.style!r}; the model has {', '.join(offered) or 'none'}")
        wanted &= prior.style == model.config.model.styles.index(request.style)
    if request.key is not None:
        wanted = _narrow(wanted, (keys >= 12) == request.key.is_minor)
    return np.flatnonzero(_narrow(wanted, fits))


def choose_clearest_in_key(excerpts: Iterable[Controls], clearly: float) -> Controls:
    """Of controls of one piece each, the first whose key is `clearly` ahead of all others, as correlations of its
    chords, else the one where it is most.

    An excerpt of a song can be at home elsewhere than the song, and what is composed to it then sounds so.
    """
    best, most = None, -np.inf
    for controls in excerpts:
        scores = key_scores(controls.chord_classes()[0])
        own = int(key_scores(controls.key[0]).argmax())
        ahead = scores[own] - np.delete(scores, own).max()
        if best is None or ahead > most:
            best, most = controls, ahead
        if ahead >= clearly:
            break
    assert best is not None
    return best


def _narrow(wanted: NDArray[np.bool_], more: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return wanted & more if np.any(wanted & more) else wanted


def apply_request(
    model: TrainedModel,
    controls: Controls,
    tracks: Sequence[str] | None,
    request: GenerationRequest,
    composed: NDArray[np.bool_] | None = None,
) -> Controls:
    """Controls with what the user says of tracks, of who plays and rests, and of density.

    A track that would be silent throughout and is asked for notes plays where it is `composed`, ``(track, bar)``;
    everywhere when that is left out. Where a knob is turned, the style says how the tracks play.
    """
    if any((request.knobs or {}).values()):
        controls = controls.loosened()
    play, density, texture = controls.play.copy(), controls.density.copy(), controls.texture.copy()
    elsewhere = _find_mean_densities(model, density)
    may_play = np.ones(play.shape[1:], bool) if composed is None else composed
    if tracks is not None:
        is_asked = np.isin(np.arange(model.spec.n_tracks), [model.spec.track_index(name) for name in tracks])
        play[(play <= 0).all(2) & is_asked] = PLAY
        play[:, ~is_asked] = REST
        may_play = may_play & is_asked[:, None]
    for name, factor in (request.density or {}).items():
        row = model.spec.track_index(name)
        if factor == 0:
            play[:, row, may_play[row]] = REST
        elif not np.any(play[:, row] > 0):
            play[:, row, may_play[row]] = PLAY
        if factor != 1:
            texture[:, row] = np.nan  # more notes have another one
        density[:, row] = factor * np.where(density[:, row] > 0, density[:, row], elsewhere[:, row])
    for asked, value, verb in ((request.plays, PLAY, "play"), (request.rests, REST, "rest")):
        for name, bars in (asked or {}).items():
            outside = [bar + 1 for bar in bars if not 0 <= bar < play.shape[2]]
            if outside:
                raise ConfigError(f"{name} cannot {verb} in bar {outside[0]}: the piece has {play.shape[2]} bars")
            play[:, model.spec.track_index(name), list(bars)] = value
    density = np.where((play == PLAY) & (density == 0), elsewhere, density)
    density[(play == REST) & ~np.isnan(density)] = 0
    return replace(controls, play=play, density=density, texture=_calm_textures(texture, 1 - request.temperature))


def _calm_textures(texture: NDArray[np.float32], calm: float) -> NDArray[np.float32]:
    """Textures, ``(batch, track, texture)``, of longer notes, more of them on beats, the larger `calm` is."""
    calm = max(calm, -1.0)
    texture = texture.copy()
    texture[..., LENGTH] += _CALM_LENGTH * calm
    texture[..., ON_BEAT] = np.clip(texture[..., ON_BEAT] + _CALM_ON_BEAT * calm, 0, 1)
    return texture


def _find_mean_densities(model: TrainedModel, density: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean density of the bars of a track in which it has notes, the usual one if there are none:
    (batch, track, 1) of ``density : (batch, track, bar)``; nan for a track that no song has."""
    usual = np.where(model.usual_densities > 0, model.usual_densities, np.nan)[:, None]
    has_notes = density > 0
    n_bars = has_notes.sum(2, keepdims=True)
    total = np.where(has_notes, density, 0).sum(2, keepdims=True)
    return np.where(n_bars > 0, total / np.maximum(n_bars, 1), usual)


def with_progression(
    model: TrainedModel, controls: Controls, request: GenerationRequest, semitones: int
) -> Controls:
    """Controls with the chords that are asked for, moved by `semitones`, repeated to the end.

    The key is half that of the controls, half what the chords say of it.
    """
    if request.progression is None:
        return controls
    tones, bass = parse_progression(request.progression, model.spec.beats_per_bar)
    tones, bass = transpose_plan(tones, bass, semitones)
    shape = controls.tones.shape
    sounding = unpack_tones(tones).sum(0)
    key = (controls.key + sounding / max(sounding.sum(), 1)) / 2 if sounding.any() else controls.key
    tones, bass = (np.broadcast_to(np.resize(plan, shape[1]), shape) for plan in (tones, bass))
    return replace(controls.with_chords(tones, bass, model.spec), key=key.astype(np.float32))


def requested_scale(request: GenerationRequest, key: Key, spec: RollSpec) -> list[int] | None:
    """The pitch classes of composed notes, to which others move; None where all may sound.

    Those of the key where notes snap to it. Below temperature 1 those of chords that are asked for besides, and
    some of the others: the fewer the lower it is. Which ones follows from the seed.
    """
    if request.snap or request.temperature >= 1:
        return key.pitch_classes if request.snap else None
    stays = np.random.default_rng([request.seed, 7]).random(12) < request.temperature
    if request.progression is not None:
        tones, bass = parse_progression(request.progression, spec.beats_per_bar)
        stays |= unpack_tones(tones).any(0) | np.isin(np.arange(12), bass)
    return [*key.pitch_classes, *np.flatnonzero(stays).tolist()]


def draw_key(seed: int, is_minor: bool) -> Key:
    """A key of this mode, as often as songs are in it."""
    shares = np.array(_MINOR_SHARES if is_minor else _MAJOR_SHARES, np.float64)
    return Key(int(np.random.default_rng([seed, 2]).choice(12, p=shares / shares.sum())), is_minor)


def requested_key(model: TrainedModel, request: GenerationRequest) -> Key | None:
    """The key that is asked for, or that of the progression; None where the user leaves it free."""
    if request.key is not None or request.progression is None:
        return request.key
    tones, bass = parse_progression(request.progression, model.spec.beats_per_bar)
    weights = np.where(np.arange(len(tones)) < model.spec.beats_per_bar, 2, 1)  # it begins at home, more often
    sounding = unpack_tones(tones) + (bass[:, None] == np.arange(12))
    return estimate_key(weights @ sounding)


def controls_for(
    model: TrainedModel,
    context: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    must_play: Sequence[int],
    key: Key,
    request: GenerationRequest,
    manner: Controls | None = None,
) -> Controls:
    """Controls of a task on given material: its key, groove and chords, and who of its tracks plays and how.

    A track plays where it is composed unless what is given of it is silent. How it plays, and the chords, are
    taken from what is given near by. A bar in which nothing pitched is given has the chords of the bar a phrase
    before it. Where nothing is given at all, the controls are those of a real song. With a `manner`, tracks play
    when and how densely, how high and in which texture as in it.

    Parameters
    ----------
    context : (1, track, bar, step, pitch), uint8
        What is given, in the key that the networks know.
    mask : (track, bar), bool
    key : Key
        Of the context.
    manner : Controls, optional
        Of another piece, in the key that the networks know, one piece of as many bars.
    """
    spec = model.spec
    rng = np.random.default_rng(request.seed)
    drawn = manner or draw_controls(
        model, rng, 1, mask.shape[1], choose_prior_rows(model, replace(request, key=key))
    )
    sounds = context[0].any((2, 3))
    plays: NDArray[np.bool_] = np.any(sounds & mask, axis=1) | ~np.any(mask, axis=1)
    plays |= np.isin(np.arange(spec.n_tracks), must_play)
    usual = np.where(plays, PLAY, REST)[:, None] if manner is None else manner.play[0]
    play = np.where(mask, np.where(sounds, PLAY, REST), usual)
    near = near_unknown(np.all(mask, axis=0), _NEAR)
    heard = context[:, :, near]
    tones, bass = _chords_of(heard, mask, near, drawn, spec, model.config.model.phrase_bars)
    onsets = heard == ONSET
    groove, register, texture = (
        measure_groove(onsets, spec),
        measure_register(onsets, spec),
        measure_texture(heard, onsets, spec),
    )
    density = drawn.density[0].copy()
    density[:, near] = _estimate_densities(onsets[0].sum((2, 3)), sounds[:, near], mask[:, near], density[:, near])
    shares = sounding_shares(context[0], spec)
    controls = replace(
        drawn.with_chords(tones, bass, spec),
        play=play[None].astype(np.int8),
        density=density[None],
        register=np.where(np.isnan(register), drawn.register, register),
        texture=np.where(np.isnan(texture), drawn.texture, texture),
        key=shares[None] if shares.any() else drawn.key,
        groove=groove if groove.any() else drawn.groove,
    )
    return apply_request(model, controls, None, request, composed=~mask)


def measure_manner(model: TrainedModel, like: Piece, n_bars: int, semitones: int) -> Controls:
    """The controls of a piece for `n_bars` bars, from its first bar with notes to the last and again, moved by
    `semitones`. Raises `ConfigError` when it has no notes or another ensemble."""
    model.spec.require_same(like.spec, "the model", "the piece that is followed")
    heard = np.flatnonzero(like.roll.any((0, 2, 3)))
    if not len(heard):
        raise ConfigError("the piece that is to be followed has no notes", field="like")
    roll = transpose(like.roll[:, heard[0] : heard[-1] + 1], semitones, model.spec)[None]
    key = sounding_shares(roll[0], model.spec)[None]
    controls = measure_controls(roll, model.spec, key, np.full(1, -1))
    return controls.bars(np.arange(n_bars) % controls.n_bars)


def _estimate_densities(
    onsets: NDArray[np.int64], sounds: NDArray[np.bool_], mask: NDArray[np.bool_], drawn: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Onsets a bar: as given, else the mean of the track's given bars that sound, else as drawn: (track, bar)."""
    heard = mask & sounds
    n_heard = heard.sum(1, keepdims=True)
    usual = (onsets * heard).sum(1, keepdims=True) / np.maximum(n_heard, 1)
    return np.where(mask, onsets, np.where(n_heard > 0, usual, drawn)).astype(np.float32)


def _chords_of(
    heard: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    near: slice,
    drawn: Controls,
    spec: RollSpec,
    phrase_bars: int,
) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """The chords of each beat, each (1, beat): those of ``heard : (1, track, bar, step, pitch)``, the bars `near`,
    of the phrase before where nothing is given there, or as drawn."""
    tones, bass = drawn.tones.copy(), drawn.bass.copy()
    found = harmony_plan(heard, spec, scale=Key(0).pitch_classes)
    pitched = ~np.array(spec.is_drum)
    is_given = np.any(heard[0][pitched].any((2, 3)) & mask[pitched, near], axis=0)
    per_bar, back = spec.beats_per_bar, phrase_bars * spec.beats_per_bar
    for bar in range(len(is_given)):
        first = (near.start + bar) * per_bar
        here = slice(first, first + per_bar)
        if is_given[bar]:
            tones[:, here], bass[:, here] = (plan[:, bar * per_bar : (bar + 1) * per_bar] for plan in found)
        elif bar >= phrase_bars and is_given[: bar - phrase_bars + 1].any():
            before = slice(first - back, first - back + per_bar)
            tones[:, here], bass[:, here] = tones[:, before], bass[:, before]
    return tones, bass

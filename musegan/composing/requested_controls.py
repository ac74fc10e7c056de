"""From a request to controls: for a piece from nothing, and for what is to be composed in a given piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musegan.composing.forms import Arrangement, arrange_tracks, find_form_bars
from musegan.composing.prior import draw_section
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.models.trained_model import TrainedModel
from musegan.music.cells import FREE_BAR
from musegan.music.chords import parse_progression, unpack_tones
from musegan.music.control_kinds import PLAYS, RESTS
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.key import Key, estimate_key
from musegan.music.knobs import turn_knobs
from musegan.music.piece import Piece
from musegan.random_streams import Stream, make_rng

# Of 4,145 songs: 2,757 in major and 1,388 in minor keys, percent by tonic from C up, as `estimate_key` hears them.
_MAJOR_SHARES = (14, 3, 17, 4, 8, 9, 3, 18, 3, 13, 5, 3)
_MINOR_SHARES = (9, 5, 13, 5, 17, 5, 5, 10, 3, 17, 3, 7)


def plan_new_piece(
    model: TrainedModel,
    request: GenerationRequest,
    n_bars: int,
    tracks: Sequence[str] | None,
    arrangement: Arrangement,
    form: str,
) -> tuple[Controls, Key]:
    """Controls of a piece from nothing, and its key: requested, of the chords, or drawn as often as in songs."""
    size = n_bars // len(form) if form else model.phrase_bars
    bars = find_form_bars(form, size) if form else np.arange(n_bars)
    key = find_requested_key(model, request)
    section = draw_section(model, request, int(bars.max()) + 1).bars(bars)
    controls = section.replace(play=arrange_tracks(section["play"], model.spec, arrangement, size))
    if key is None:
        key = draw_key(request.seed, estimate_key(controls["key"][0]).is_minor)
    controls = controls.transpose(np.array([-key.to_canonical]))
    controls = restrict_controls(model, controls, tracks, request)
    return set_progression(model, _free_repetition(controls, section), request), key


def plan_filling(
    model: TrainedModel,
    piece: Piece,
    mask: NDArray[np.bool_],
    request: GenerationRequest,
    key: Key,
    must_play: Sequence[int] = (),
    like: Piece | None = None,
    arrangement: Arrangement = "full",
) -> Controls:
    """Controls of what is to be composed in a piece, ``mask : (track, bar), bool``, True is given.

    Key, groove and chords are those of what is given, and so are the players and how they play, as far as they are
    known; a track of which all that is given is silent rests, unless it `must_play`. One of which nothing is given
    plays as the `arrangement` says, but does not rest throughout if it `must_play`. What nothing says is as in a
    section of a real song. With `like`, tracks play when and how they do in that piece.
    """
    material = piece.roll * mask[..., None, None]
    music = Music.from_rolls(material[None], model.spec, piece.tempo_qpm)
    known = Controls.measure(music)
    if like is None:
        usual = draw_section(model, request, piece.n_bars).transpose(np.array([-key.to_canonical]))
    else:
        usual = _measure_manner(model, like, piece.n_bars)
    sounds: NDArray[np.bool_] = np.any(material, axis=(2, 3))
    plays: NDArray[np.bool_] = np.any(sounds & mask, axis=1) | ~np.any(mask, axis=1)
    plays |= np.isin(np.arange(model.spec.n_tracks), must_play)
    unknown = usual["play"][0]
    if like is None:
        arranged = arrange_tracks(usual["play"], model.spec, arrangement, model.phrase_bars)[0]
        is_all_new = ~np.any(mask, axis=1)
        rests = (arranged != PLAYS).all(1) & np.isin(np.arange(model.spec.n_tracks), must_play)
        arranged = np.where(rests[:, None], PLAYS, arranged)
        unknown = np.where(is_all_new[:, None], arranged, np.where(plays, PLAYS, RESTS)[:, None])
    play = np.where(mask, np.where(sounds, PLAYS, RESTS), unknown)
    heard = known["key"].any()
    controls = usual.replace(
        play=play[None].astype(np.int8),
        density=_plan_densities(known["density"][0], sounds, mask, usual["density"][0])[None],
        register=np.where(np.isnan(known["register"]), usual["register"], known["register"]),
        texture=np.where(np.isnan(known["texture"]), usual["texture"], known["texture"]),
        key=known["key"] if heard else usual["key"],
        chords=_plan_chords(model, known["chords"], material, mask, usual["chords"]),
        groove=known["groove"] if known["groove"].any() else usual["groove"],
        kit=np.where(known["kit"].any(-1, keepdims=True), known["kit"], usual["kit"]),
        tempo=known["tempo"],
    )
    controls = restrict_controls(model, controls, None, request, ~mask)
    return set_progression(model, _free_repetition(controls, usual), request)


def restrict_controls(
    model: TrainedModel,
    controls: Controls,
    tracks: Sequence[str] | None,
    request: GenerationRequest,
    composed: NDArray[np.bool_] | None = None,
) -> Controls:
    """Controls changed by the options for tracks, playing, resting, density, knobs, style and tempo.

    A track that would be silent throughout and is asked for notes plays where it is `composed`, ``(track, bar)``;
    everywhere when that is left out.
    """
    spec = model.spec
    play, density = controls["play"].copy(), controls["density"].copy()
    elsewhere = _average_density(model, density)
    may_play = np.ones(play.shape[1:], bool) if composed is None else composed
    if tracks is not None:
        is_asked = np.isin(np.arange(spec.n_tracks), [spec.track_index(name) for name in tracks])
        play[(play != PLAYS).all(2) & is_asked] = PLAYS
        play[:, ~is_asked] = RESTS
        may_play = may_play & is_asked[:, None]
    for name, factor in request.density.items():
        row = spec.track_index(name)
        if factor == 0:
            play[:, row, may_play[row]] = RESTS
        elif not np.any(play[:, row] == PLAYS):
            play[:, row, may_play[row]] = PLAYS
        density[:, row] = factor * np.where(density[:, row] > 0, density[:, row], elsewhere[:, row])
    for asked, value, verb in ((request.plays, PLAYS, "play"), (request.rests, RESTS, "rest")):
        for name, bars in asked.items():
            outside = [bar + 1 for bar in bars if not 0 <= bar < play.shape[2]]
            if outside:
                raise ConfigError(f"{name} cannot {verb} in bar {outside[0]}: the piece has {play.shape[2]} bars")
            play[:, spec.track_index(name), list(bars)] = value
    density = np.where((play == PLAYS) & (density == 0), elsewhere, density)
    density[(play == RESTS) & ~np.isnan(density)] = 0
    style = (
        controls["style"]
        if request.style is None
        else np.full_like(controls["style"], model.config.model.styles.index(request.style))
    )
    tempo = controls["tempo"] if request.tempo_qpm is None else np.full(1, request.tempo_qpm, np.float32)
    controls = controls.replace(play=play, density=density, style=style, tempo=tempo)
    return turn_knobs(controls, request.knobs, spec)


def set_progression(model: TrainedModel, controls: Controls, request: GenerationRequest) -> Controls:
    """Controls with the chords that are asked for, repeated to the end, where there are some.

    The key is half that of the controls, half what the chords say of it.
    """
    if request.progression is None:
        return controls
    tones, bass = parse_progression(request.progression, model.spec.beats_per_bar)
    sounding = unpack_tones(tones).sum(0)
    key = controls["key"]
    if sounding.any():
        key = ((key + sounding / sounding.sum()) / 2).astype(np.float32)
    n_beats = controls["chords"].shape[1]
    chords = np.stack([np.resize(tones, n_beats), np.resize(bass, n_beats)], axis=-1)
    return controls.replace(chords=np.broadcast_to(chords, controls["chords"].shape).astype(np.int16), key=key)


def find_requested_key(model: TrainedModel, request: GenerationRequest) -> Key | None:
    """The key that is asked for, or that of the progression; None where the user leaves it free.

    With both it is that of the chords where these leave the scale that is asked for, but for its leading note, and
    do not have its tonic chord.
    """
    if request.progression is None:
        return request.key
    tones, bass = parse_progression(request.progression, model.spec.beats_per_bar)
    if request.key is not None:
        leading = (request.key.tonic - 1) % 12
        outside = np.delete(np.arange(12), [*request.key.pitch_classes, leading])
        tonic = (request.key.tonic + np.array([0, 3 if request.key.is_minor else 4, 7])) % 12
        is_home = unpack_tones(tones)[:, tonic].all(1) & (bass == request.key.tonic)
        if is_home.any() or not unpack_tones(tones)[:, outside].any():
            return request.key
    weights = np.where(np.arange(len(tones)) < model.spec.beats_per_bar, 2, 1)  # it begins at home, more often
    return estimate_key(weights @ (unpack_tones(tones) + (bass[:, None] == np.arange(12))))


def draw_key(seed: int, is_minor: bool) -> Key:
    """A key of this mode, as often as songs are in it."""
    shares = np.array(_MINOR_SHARES if is_minor else _MAJOR_SHARES, np.float64)
    return Key(int(make_rng(seed, Stream.KEY).choice(12, p=shares / shares.sum())), is_minor)


def _free_repetition(controls: Controls, section: Controls) -> Controls:
    """Controls with a free plan of repetition in bars that play here and rest in the section."""
    is_new = (controls["play"] == PLAYS) & (section["play"] != PLAYS)
    plan = np.where(is_new[..., None], FREE_BAR, controls["repetition"]).astype(np.int8)
    return controls.replace(repetition=plan)


def _measure_manner(model: TrainedModel, like: Piece, n_bars: int) -> Controls:
    """The controls of a piece for `n_bars` bars, from its first bar with notes to the last and again.

    Raises `ConfigError` when it has no notes or another ensemble.
    """
    model.spec.require_same(like.spec, "the model", "the piece that is followed")
    heard = np.flatnonzero(like.roll.any((0, 2, 3)))
    if not len(heard):
        raise ConfigError("the piece that is to be followed has no notes", field="like")
    controls = Controls.measure(Music.from_rolls(like.roll[None, :, heard[0] : heard[-1] + 1], model.spec))
    return controls.bars(np.arange(n_bars) % controls.n_bars)


def _average_density(model: TrainedModel, density: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean density of the bars of a track in which it has notes, the usual one if there are none:
    (batch, track, 1) of ``density : (batch, track, bar)``; nan for a track that no song has."""
    usual = np.where(model.usual_densities > 0, model.usual_densities, np.nan)[:, None]
    has_notes = density > 0
    n_bars = has_notes.sum(2, keepdims=True)
    total = np.where(has_notes, density, 0).sum(2, keepdims=True)
    return np.where(n_bars > 0, total / np.maximum(n_bars, 1), usual).astype(np.float32)


def _plan_densities(
    onsets: NDArray[np.float32], sounds: NDArray[np.bool_], mask: NDArray[np.bool_], usual: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Onsets a bar: as given, else the mean of the track's given bars that sound, else the usual: (track, bar)."""
    heard = mask & sounds
    n_heard = heard.sum(1, keepdims=True)
    mean = (onsets * heard).sum(1, keepdims=True) / np.maximum(n_heard, 1)
    return np.where(mask, onsets, np.where(n_heard > 0, mean, usual)).astype(np.float32)


def _plan_chords(
    model: TrainedModel,
    found: NDArray[np.int16],
    material: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    usual: NDArray[np.int16],
) -> NDArray[np.int16]:
    """The chords of each beat, ``(1, beat, tones and bass)``: those of what is given; where a bar has nothing
    pitched that is given, those of the bar a phrase before it, or else the usual."""
    spec, phrase = model.spec, model.phrase_bars
    pitched = ~np.array(spec.is_drum)
    is_given = np.any(material[pitched].any((2, 3)) & mask[pitched], axis=0)  # (bar,)
    bars = found.reshape(1, len(is_given), spec.beats_per_bar, 2)
    planned = usual.reshape(bars.shape).copy()
    for bar, is_known in enumerate(is_given):
        if is_known:
            planned[:, bar] = bars[:, bar]
        elif bar >= phrase and is_given[: bar - phrase + 1].any():
            planned[:, bar] = planned[:, bar - phrase]
    return planned.reshape(found.shape)

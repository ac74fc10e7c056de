"""Pieces from nothing and pieces in which something is composed: from a request to the finished `Piece`.

Controls are planned, drafts are composed and the likeliest is kept, section by section where there is a form. What
is done to the notes after that is only what the user asked for: the scale and the ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.attribution import measure_nats
from musegan.composing.draws import Draws
from musegan.composing.forms import Arrangement, close_piece, draw_changed_cells, number_sections
from musegan.composing.request import MAX_BARS, GenerationRequest
from musegan.composing.requested_controls import find_requested_key, plan_filling, plan_new_piece
from musegan.composing.sampling import SamplingSettings
from musegan.composing.windows import compose_rolls
from musegan.errors import MuseganError
from musegan.models.runtime import composing_threads
from musegan.models.trained_model import TrainedModel
from musegan.music.controls import Controls
from musegan.music.key import Key, estimate_key
from musegan.music.pianoroll import drop_orphan_holds, snap_to_scale, sounding_shares
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec
from musegan.random_streams import Stream, make_rng

_MIN_TEMPERATURE = 0.05  # temperature that is computed with; nearly always the likeliest is drawn
_DEFAULT_QPM = 120.0  # of a piece that follows a section of which the tempo is not known


def compose_new_piece(
    model: TrainedModel,
    request: GenerationRequest,
    n_bars: int,
    tracks: Sequence[str] | None,
    arrangement: Arrangement,
    form: str,
    repeat_change: float,
    *,
    loop: bool,
    ending: bool,
) -> Piece:
    """Compose a piece from nothing, as `musegan.composing.model.Model.generate` describes it."""
    controls, key = plan_new_piece(model, request, n_bars, tracks, arrangement, form)
    if form:
        size = n_bars // len(form)
        sections = tuple((index * size, letter) for index, letter in enumerate(form))
        roll = _compose_form(model, form, controls, request, repeat_change)
    else:
        sections = number_sections(n_bars, model.phrase_bars)
        roll = _compose_best(model, *_make_empty(model, n_bars, 1), controls, [request])[0]
    if loop:
        roll = _close_loop(model, roll, controls, request)
    piece = _make_new_piece(model, roll, controls, key, request, sections)
    return replace(piece, roll=close_piece(piece.roll, model.spec, key)) if ending else piece


def compose_new_pieces(
    model: TrainedModel,
    requests: Sequence[GenerationRequest],
    n_bars: int,
    tracks: Sequence[str] | None,
    arrangement: Arrangement,
) -> list[Piece]:
    """Compose pieces from nothing, one for each of `requests`, in one batch."""
    plans = [plan_new_piece(model, request, n_bars, tracks, arrangement, "") for request in requests]
    controls = Controls.join([controls for controls, _ in plans])
    rolls = _compose_best(model, *_make_empty(model, n_bars, len(requests)), controls, requests)
    sections = number_sections(n_bars, model.phrase_bars)
    return [
        _make_new_piece(model, roll, controls, key, request, sections)
        for roll, (controls, key), request in zip(rolls, plans, requests, strict=True)
    ]


def fill_pieces(
    model: TrainedModel,
    pieces: Sequence[Piece],
    masks: Sequence[NDArray[np.bool_]],
    requests: Sequence[GenerationRequest],
    *,
    must_play: Sequence[int],
    like: Piece | None,
    arrangement: Arrangement,
) -> list[Piece]:
    """Compose what is not given of pieces, as `musegan.composing.model.Model.fill_many` describes it."""
    keys, plans = [], []
    for piece, mask, request in zip(pieces, masks, requests, strict=True):
        model.spec.require_same(piece.spec, "the model", "the piece")
        n_new = np.count_nonzero(~np.all(mask, axis=0))
        if n_new > MAX_BARS:
            raise MuseganError(
                f"{n_new} bars would be composed and {MAX_BARS} can be at once; name some, or cut the piece"
            )
        material = sounding_shares(piece.roll * mask[..., None, None], model.spec)
        key = find_requested_key(model, request) or estimate_key(material)
        keys.append(key)
        plans.append(plan_filling(model, piece, mask, request, key, must_play, like, arrangement))
    given = np.stack([piece.roll for piece in pieces])
    rolls = _compose_best(model, given, np.stack(masks), Controls.join(plans), requests)
    return [
        replace(
            piece,
            roll=_finish_roll(model.spec, roll, mask, key, request),
            given=mask,
            key=key,
            feel=model.feel,
            seed=request.seed,
            tempo_qpm=request.tempo_qpm or piece.tempo_qpm,
        )
        for piece, roll, mask, key, request in zip(pieces, rolls, masks, keys, requests, strict=True)
    ]


def _compose_best(
    model: TrainedModel,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    controls: Controls,
    requests: Sequence[GenerationRequest],
    number: int = 0,
) -> NDArray[np.uint8]:
    """Compose what is not given in pieces: ``(batch, track, bar, step, pitch)``.

    Pieces whose requests ask for the same settings are composed together. Of a single piece the likeliest of
    ``best_of`` drafts is returned. `number` distinguishes several calls for one piece.
    """
    n_drafts = requests[0].best_of if len(requests) == 1 else 1
    with composing_threads():
        drafts = [
            _compose_draft(model, given, mask, controls, requests, (number, draft)) for draft in range(n_drafts)
        ]
        if n_drafts == 1:
            return drafts[0]
        return max(drafts, key=lambda rolls: -_measure_mean_nats(model, rolls, controls, ~mask))


def _compose_form(
    model: TrainedModel, form: str, controls: Controls, request: GenerationRequest, change: float
) -> NDArray[np.uint8]:
    """Compose a piece section by section: ``(track, bar, step, pitch)``.

    A letter of the `form` that returns keeps its notes but for a share `change` of its cells.
    """
    size = controls.n_bars // len(form)
    given, mask = _make_empty(model, controls.n_bars, 1)
    rng = make_rng(request.seed, Stream.FORM)
    firsts: dict[str, int] = {}
    for index, letter in enumerate(form):
        begin, end = index * size, (index + 1) * size
        first = firsts.setdefault(letter, begin)
        if first < begin:
            same = ~draw_changed_cells(rng, model.spec.n_tracks, size, change)
            given[:, :, begin:end] = given[:, :, first : first + size] * same[None, ..., None, None]
            mask[:, :, begin:end] = same
        so_far = controls.bars(np.arange(end))
        given[:, :, :end] = _compose_best(model, given[:, :, :end], mask[:, :, :end], so_far, [request], index)
        mask[:, :, :end] = True
    return given[0]


def _close_loop(
    model: TrainedModel, roll: NDArray[np.uint8], controls: Controls, request: GenerationRequest
) -> NDArray[np.uint8]:
    """A piece, ``(track, bar, step, pitch)``, whose last bars are composed anew between those before them and the
    first ones."""
    n_bars = roll.shape[1]
    around = min(model.window_bars // 2, n_bars)
    new = min(max(model.phrase_bars // 2, 1), n_bars - 1)
    if not new:
        return roll
    order = np.arange(n_bars - around, n_bars + around) % n_bars  # bars on both sides of the seam
    mask = np.ones((1, len(roll), len(order)), bool)
    mask[:, :, around - new : around] = False
    closing = _compose_best(model, roll[None, :, order], mask, controls.bars(order), [request], len(order))
    closed = roll.copy()
    closed[:, n_bars - new :] = closing[0, :, around - new : around]
    return closed


def _make_empty(model: TrainedModel, n_bars: int, n_pieces: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Pieces of which nothing is given, and their masks."""
    shape = (n_pieces, *model.spec.shape(n_bars))
    return np.zeros(shape, np.uint8), np.zeros(shape[:3], bool)


def _compose_draft(
    model: TrainedModel,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    controls: Controls,
    requests: Sequence[GenerationRequest],
    keys: tuple[int, int],
) -> NDArray[np.uint8]:
    """One draft of each piece. `keys` distinguish its random numbers from those of others for the piece."""
    groups: dict[SamplingSettings, list[int]] = {}
    for row, request in enumerate(requests):
        groups.setdefault(_choose_settings(request), []).append(row)
    rolls = np.empty_like(given)
    for settings, members in groups.items():
        rows = np.array(members)
        draws = Draws.from_generators([make_rng(requests[row].seed, Stream.CELLS, *keys) for row in members])
        rolls[rows] = compose_rolls(model, given[rows], mask[rows], controls.pieces(rows), settings, draws)
    return rolls


def _choose_settings(request: GenerationRequest) -> SamplingSettings:
    """How a request is drawn: the usual temperatures, all scaled alike."""
    usual, scale = SamplingSettings(), request.temperature
    return SamplingSettings(
        n_passes=request.passes,
        step_temperature=max(scale * usual.step_temperature, _MIN_TEMPERATURE),
        pitch_temperature=max(scale * usual.pitch_temperature, _MIN_TEMPERATURE),
        length_temperature=max(scale * usual.length_temperature, _MIN_TEMPERATURE),
        copy_temperature=max(scale * usual.copy_temperature, _MIN_TEMPERATURE),
        repetition=request.repetition,
    )


def _measure_mean_nats(
    model: TrainedModel, rolls: NDArray[np.uint8], controls: Controls, composed: NDArray[np.bool_]
) -> float:
    """Nats for each bar that was composed, each given all others."""
    n_bars = rolls.shape[2]
    total = 0.0
    for first in range(0, n_bars, model.window_bars):
        window = slice(first, min(first + model.window_bars, n_bars))
        part = controls.bars(np.arange(window.start, window.stop))
        nats, _ = measure_nats(model, rolls[:, :, window], part)
        total += float((nats * composed[:, :, window]).sum())
    return total / max(int(composed.sum()), 1)


def _finish_roll(
    spec: RollSpec, roll: NDArray[np.uint8], mask: NDArray[np.bool_], key: Key, request: GenerationRequest
) -> NDArray[np.uint8]:
    """What was composed, without held cells that have no onset and, if asked for, snapped to the key."""
    composed = snap_to_scale(roll, key.pitch_classes, spec) if request.snap else roll
    composed = drop_orphan_holds(composed, spec)
    return np.where(mask[..., None, None], roll, composed)


def _make_new_piece(
    model: TrainedModel,
    roll: NDArray[np.uint8],
    controls: Controls,
    key: Key,
    request: GenerationRequest,
    sections: tuple[tuple[int, str], ...],
) -> Piece:
    """A piece of what was composed from nothing: ``roll : (track, bar, step, pitch)``, controls of one piece."""
    roll = _finish_roll(model.spec, roll, np.zeros(roll.shape[:2], bool), key, request)
    is_free = find_requested_key(model, request) is None and not request.snap
    if is_free and (shares := sounding_shares(roll, model.spec)).any():
        key = estimate_key(shares)
    tempo = float(controls["tempo"][0])
    tempo_qpm = _DEFAULT_QPM if np.isnan(tempo) else float(round(tempo))
    return Piece(
        roll=roll,
        spec=model.spec,
        tempo_qpm=request.tempo_qpm or tempo_qpm,
        key=key,
        sections=sections,
        feel=model.feel,
        seed=request.seed,
    )

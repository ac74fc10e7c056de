"""What is composed into a state: each takes a state and returns the next one, and calls the same functions of
`Model` as the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from musegan.composing.model import Model
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.piece import Piece
from musegan.studio.editing import pad_grid, read_whole_numbers, resize_piece
from musegan.studio.state import MAX_BARS, Grid, State, StudioSettings

SKETCH_PASSES = 4
"""Passes of the networks while a knob is turned."""


def compose(model: Model, state: State, *, sketch: bool = False) -> State:
    """Compose every cell that is not kept: a new piece where none is, otherwise around what is kept.

    A `sketch` is composed in few passes, for who is still turning a knob.
    """
    settings = state.settings
    if state.kept.any():
        return fill_free_cells(model, resize_piece(state, settings.n_bars), sketch=sketch)
    n_bars = settings.n_bars if not settings.form else _round_to_sections(settings)
    request = settings.request(model.spec.track_names, n_bars)
    piece = model.generate(
        n_bars,
        tracks=_list_tracks(settings, model),
        form=settings.form,
        loop=settings.loop,
        request=_shorten(request) if sketch else request,
    )
    return _make_new_state(state, piece)


def fill_free_cells(model: Model, state: State, *, sketch: bool = False) -> State:
    """Compose every cell that is not kept around those that are. Raises `ConfigError` where all are."""
    if state.kept.all():
        raise ConfigError("every bar is kept; free those that are to be composed")
    request = _request_around(model, state)
    piece = model.fill(
        state.piece,
        state.kept,
        must_play=_find_freed_tracks(state.kept, state.settings, model),
        request=_shorten(request) if sketch else request,
    )
    return _with_piece(state, piece, state.kept, "compose")


def _shorten(request: GenerationRequest) -> GenerationRequest:
    """The request of a sketch."""
    return replace(request, passes=min(request.passes, SKETCH_PASSES), best_of=1)


def _request_around(model: Model, state: State) -> GenerationRequest:
    """What is asked for of cells that are composed beside others; tracks that are out of the band rest."""
    request = state.settings.request(model.spec.track_names, state.n_bars)
    rests = {name: tuple(range(state.n_bars)) for name in state.settings.out}
    return replace(request, rests={**request.rests, **rests})


def _make_new_state(state: State, piece: Piece) -> State:
    nothing = np.zeros(piece.roll.shape[:2], bool)
    return replace(state, piece=piece, kept=nothing, own=nothing, from_file=nothing, source=None, label="compose")


def _list_tracks(settings: StudioSettings, model: Model) -> list[str] | None:
    """The tracks of the band, None for all."""
    return [name for name in model.spec.track_names if name not in settings.out] if settings.out else None


def _round_to_sections(settings: StudioSettings) -> int:
    """The bars asked for as a multiple of the sections: the nearest, at least one bar a section."""
    size = max(round(settings.n_bars / len(settings.form)), 1)
    return size * len(settings.form)


def _find_freed_tracks(kept: Grid, settings: StudioSettings, model: Model) -> list[int]:
    """Tracks that play in what is composed though what is kept of them is silent: those that were freed while
    others stay."""
    rows = [
        row for row in range(len(kept)) if not kept[row].all() and model.spec.track_names[row] not in settings.out
    ]
    return rows if len(rows) < len(kept) else []


def _with_piece(state: State, piece: Piece, kept: Grid, label: str) -> State:
    return replace(
        state,
        piece=piece,
        kept=kept,
        own=state.own & kept,
        from_file=state.from_file & kept,
        label=label,
    )


def redo_cells(model: Model, state: State, cells: Sequence[Sequence[int]]) -> State:
    """Some cells (track, bar) composed anew with the next seed, and nothing else. Raises `ConfigError` where one
    is kept."""
    chosen = np.zeros_like(state.kept)
    for item in cells:
        track, bar = read_whole_numbers(item, 2)
        if not (0 <= track < chosen.shape[0] and 0 <= bar < chosen.shape[1]):
            raise ConfigError("a cell lies outside the piece")
        chosen[track, bar] = True
    if not chosen.any() or (chosen & state.kept).any():
        raise ConfigError("this bar is locked; free it first")
    settings = replace(state.settings, seed=next_seed(state.settings.seed))
    redone = fill_free_cells(model, replace(state, kept=~chosen, settings=settings))
    return replace(
        redone, kept=state.kept, own=state.own & ~chosen, from_file=state.from_file & ~chosen, label="redo"
    )


def continue_(model: Model, state: State, n_bars: int) -> State:
    """The piece followed by new bars. What was there is kept from now on, the new bars are free."""
    if state.n_bars + n_bars > MAX_BARS:
        raise ConfigError(f"a piece can have {MAX_BARS} bars; this one would have {state.n_bars + n_bars}")
    request = state.settings.request(model.spec.track_names, state.n_bars + n_bars)
    piece = model.continue_(state.piece, n_bars, at=state.n_bars, request=request)
    return replace(
        state,
        piece=piece,
        kept=pad_grid(np.ones_like(state.kept), n_bars),
        own=pad_grid(state.own, n_bars),
        from_file=pad_grid(state.from_file, n_bars),
        settings=replace(state.settings, n_bars=piece.n_bars),
        label=f"{n_bars} more bars",
    )


def vary(model: Model, state: State, amount: float) -> State:
    """A share of the free cells anew, here and there. Raises `ConfigError` when all are kept."""
    request = _request_around(model, state)
    piece = model.vary(state.piece, amount, among=~state.kept, request=request)
    assert piece.given is not None
    return replace(
        state,
        piece=piece,
        own=state.own & piece.given,
        from_file=state.from_file & piece.given,
        label=f"vary {amount:.0%}",
    )


def next_seed(seed: int) -> int:
    """The seed after another, 0 after the largest that fits 31 bits."""
    return (seed + 1) % 2**31


def compose_variations(model: Model, state: State, count: int) -> Iterator[list[State]]:
    """The same with the next seeds, as far as they are there: all at once in one pass of the networks, one after
    another where each needs passes of its own (forms, loops, several drafts)."""
    settings = state.settings
    others, seed = [], settings.seed
    for _ in range(count):
        seed = next_seed(seed)
        others.append(replace(state, settings=replace(settings, seed=seed), label="variation"))
    is_new = not state.kept.any()
    if settings.best_of > 1 or (is_new and (settings.form or settings.loop)):
        for other in others:
            yield [replace(compose(model, other), label="variation")]
        return
    if is_new:
        requests = [other.settings.request(model.spec.track_names, settings.n_bars) for other in others]
        pieces = model.generate_many(requests, settings.n_bars, tracks=_list_tracks(settings, model))
        yield [replace(_make_new_state(*each), label="variation") for each in zip(others, pieces, strict=True)]
        return
    others = [resize_piece(other, settings.n_bars) for other in others]
    kept = others[0].kept
    if kept.all():
        raise ConfigError("every bar is kept; free those that are to be composed")
    pieces = model.fill_many(
        [other.piece for other in others],
        [kept] * count,
        [_request_around(model, other) for other in others],
        must_play=_find_freed_tracks(kept, settings, model),
    )
    yield [_with_piece(*each, kept, "variation") for each in zip(others, pieces, strict=True)]


def is_variation_of(variation: State, state: State) -> bool:
    """Whether a variation can be taken into a state: both are of one song, file and length."""
    wanted = state.song, state.source, state.settings.n_bars
    return (variation.song, variation.source, variation.settings.n_bars) == wanted


def take_variation(model: Model, state: State, variation: State, tracks: Sequence[str] | None = None) -> State:
    """A state with the free cells of one of a strip, of all tracks or of some.

    Of `compose_variations` they are what the command line composes for its seed: in a pass of many, sums are
    rounded otherwise, so the strip may show single notes that are not there. What is kept now stays, note for
    note. Raises `ConfigError` where nothing is free, or the piece has another length.
    """
    if variation.label != "interpolate":
        variation = compose(model, variation)
    stays = state.kept.copy()
    if tracks is not None:
        rows = [model.spec.track_index(name) for name in tracks]
        stays[~np.isin(np.arange(len(stays)), rows)] = True
    if not stays.any():
        return replace(variation, mixer=state.mixer, title=state.title)
    if stays.all():
        raise ConfigError("every bar is kept; free those that are to be taken")
    if state.n_bars != variation.n_bars:
        n_bars = variation.n_bars
        raise ConfigError(f"this variation has {n_bars} bars, the piece has {state.n_bars}; compose first")
    roll = np.where(stays[..., None, None], state.piece.roll, drop_orphan_holds(variation.piece.roll, model.spec))
    piece = replace(variation.piece, roll=roll, given=None, tempo_qpm=state.piece.tempo_qpm)
    seed = variation.settings.seed if tracks is None else state.settings.seed
    taken = _with_piece(state, piece, state.kept, "variation")
    return replace(
        taken,
        own=state.own & stays,
        from_file=state.from_file & stays,
        settings=replace(state.settings, seed=seed),
    )


def interpolate(model: Model, a: State, b: State, count: int) -> list[State]:
    """States from one to another: cells change sides, and some of those between are composed."""
    n_bars = min(a.n_bars, b.n_bars)
    request = a.settings.request(model.spec.track_names, n_bars)
    if a.kept.any() or b.kept.any() or a.piece.n_bars != b.piece.n_bars or a.settings.form:
        pieces = model.interpolate(a.piece, b.piece, count, request=request)
    else:
        pieces = model.interpolate(a.settings.seed, b.settings.seed, count, a.n_bars, request=request)
    a = replace(a, settings=replace(a.settings, n_bars=n_bars))
    kept = a.kept[:, :n_bars] & b.kept[:, :n_bars]
    return [_with_piece(a, replace(piece, given=None), kept, "interpolate") for piece in pieces]

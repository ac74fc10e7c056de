"""Tasks on pieces that are there: for each a mask of what is given and what is to be composed.

``mask : (track, bar), bool``: True is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import estimate_key, note_name
from musegan.music.pianoroll import sounding_shares, transpose
from musegan.music.piece import Piece
from musegan.music.progression import estimate_progression
from musegan.music.spec import RollSpec
from musegan.random_streams import Stream, make_rng


def find_rows(spec: RollSpec, tracks: Sequence[str] | None) -> list[int]:
    """The indices of some tracks of an ensemble, of all where none are named."""
    return [spec.track_index(name) for name in tracks or spec.track_names]


def mask_kept_tracks(spec: RollSpec, piece: Piece, keep: Sequence[str]) -> NDArray[np.bool_]:
    """For accompanying: the tracks `keep` are given. Raises `ConfigError` where they are all tracks or silent."""
    mask = np.zeros(piece.roll.shape[:2], bool)
    mask[[spec.track_index(name) for name in keep]] = True
    if not mask.any() or mask.all():
        raise ConfigError(f"keep some of the tracks {', '.join(spec.track_names)} and not all")
    if not piece.roll[mask].any():
        sounding = [name for name, line in zip(spec.track_names, piece.roll, strict=True) if line.any()]
        lowest, highest = spec.lowest_pitch, spec.lowest_pitch + spec.n_pitches - 1
        raise ConfigError(
            f"the tracks to keep have no notes from {note_name(lowest)} to {note_name(highest)}; the piece "
            f"has such notes for {', '.join(sounding) or 'no track'}. If a part was taken for the wrong track, "
            "correct that",
            field="track_map",
        )
    return mask


def rest_other_tracks(
    spec: RollSpec, mask: NDArray[np.bool_], tracks: Sequence[str], request: GenerationRequest
) -> GenerationRequest:
    """For accompanying with some tracks: a request in which those rest that are neither kept nor named.

    Raises `ConfigError` where no track is named, or one that is kept.
    """
    wanted = [spec.track_index(name) for name in tracks]
    if not wanted or mask[wanted].any():
        raise ConfigError(f"{', '.join(tracks) or 'no track'} cannot be kept and composed; name others")
    others = set(range(spec.n_tracks)) - set(wanted) - set(np.flatnonzero(mask[:, 0]).tolist())
    rests = {spec.track_names[row]: range(mask.shape[1]) for row in sorted(others)}
    return replace(request, rests={**request.rests, **rests})


def extend_piece(piece: Piece, n_bars: int, at: int | None) -> tuple[Piece, NDArray[np.bool_]]:
    """For continuing: the piece, made longer where it has to be, with `n_bars` to compose from bar `at` on.

    Without `at` they follow the last bar in which something sounds.
    """
    if at is None:
        at = int(np.flatnonzero(piece.roll.any((0, 2, 3))).max(initial=-1)) + 1 or piece.n_bars
    if not 0 <= at <= piece.n_bars:
        raise ConfigError(f"the piece has {piece.n_bars} bars; it cannot be continued after {at}")
    longer = np.pad(piece.roll, ((0, 0), (0, max(at + n_bars - piece.n_bars, 0)), (0, 0), (0, 0)))
    mask = np.ones(longer.shape[:2], bool)
    mask[:, at : at + n_bars] = False
    sections = (*(section for section in piece.sections if section[0] < at), (at, "continued"))
    return replace(piece, roll=longer, given=None, sections=sections), mask


def mask_bars(piece: Piece, rows: Sequence[int], bars: Sequence[int]) -> NDArray[np.bool_]:
    """For infilling: everything but some bars, 0-based, of some tracks is given."""
    outside = [bar + 1 for bar in bars if not 0 <= bar < piece.n_bars]
    if outside or not bars:
        raise ConfigError(
            f"bar {outside[0]} is not in the piece, which has the bars 1-{piece.n_bars}"
            if outside
            else "there are no bars to compose anew"
        )
    mask = np.ones(piece.roll.shape[:2], bool)
    mask[np.ix_(rows, bars)] = False
    return mask


def draw_varied_cells(
    piece: Piece, rows: Sequence[int], amount: float, among: NDArray[np.bool_] | None, seed: int
) -> NDArray[np.bool_]:
    """For varying: a share of the bars of some tracks, or of those `among` these, is not given, by chance."""
    if not 0 < amount <= 1:
        raise ConfigError(f"varying a share of {amount:g} changes nothing; choose more than 0, up to 1")
    may_change = np.zeros(piece.roll.shape[:2], bool)
    may_change[rows] = True if among is None else among[rows]
    cells = np.flatnonzero(may_change)
    if not len(cells):
        raise ConfigError("every bar that could vary is kept; free some")
    mask = np.ones_like(may_change)
    order = make_rng(seed, Stream.VARIATION).permutation(cells)
    mask.flat[order[: max(round(amount * len(cells)), 1)]] = False
    return mask


def mix_pieces(a: Piece, b: Piece, share: float, seed: int) -> tuple[Piece, NDArray[np.bool_]]:
    """For interpolating: cells of `a` and of `b`, in the key of the nearer piece, and between them free ones.

    At `share` 0 all is given by `a`, at 1 by `b`, at the middle half of the cells are free. The shorter piece says
    how long it is.
    """
    spec, n_bars = a.spec, min(a.n_bars, b.n_bars)
    rolls = [piece.roll[:, :n_bars] for piece in (a, b)]
    if a.key and b.key and 0 < share < 1:
        near = a.key if share < 0.5 else b.key
        shifts = (key.to_canonical - near.to_canonical for key in (a.key, b.key))
        rolls = [transpose(roll, (shift + 6) % 12 - 6, spec) for roll, shift in zip(rolls, shifts, strict=True)]
    order = make_rng(seed, Stream.INTERPOLATION).random(rolls[0].shape[:2])
    margin = share * (1 - share)
    from_a, from_b = order > share + margin, order < share - margin
    roll = np.where(from_b[..., None, None], rolls[1], rolls[0])
    mask = from_a | from_b if 0 < share < 1 else np.ones_like(from_a)
    tempo = (1 - share) * a.tempo_qpm + share * b.tempo_qpm
    return replace(a, roll=roll, tempo_qpm=tempo, given=None, sections=()), mask


def mask_melody(
    spec: RollSpec, piece: Piece, melody: str, request: GenerationRequest
) -> tuple[NDArray[np.bool_], GenerationRequest]:
    """For arranging: the track `melody` is given, and the request asks for the key and the chords of the piece."""
    row = spec.track_index(melody)
    if not piece.roll[row].any():
        raise ConfigError(f"{melody} has no notes; name the track that has the melody", field="melody")
    key = piece.key or estimate_key(sounding_shares(piece.roll, spec))
    progression = request.progression or estimate_progression(piece.roll, spec, key)
    mask = np.zeros(piece.roll.shape[:2], bool)
    mask[row] = True
    return mask, replace(request, key=request.key or key, progression=progression)

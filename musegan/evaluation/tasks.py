"""Does what a model composes fit what it was given?

Each task completes held-out phrases. What is composed is measured with the context it was composed for and with
that of another phrase. A model that does not listen scores the same with both; real music says how large the
difference can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan import metrics
from musegan.evaluation.longform import measure_bar_lines
from musegan.metrics import Rolls, Values, average
from musegan.metrics.agreement import harmonic_agreement
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

Mask = NDArray[np.bool_]
TASKS = ("accompany", "continue", "infill")


@dataclass(frozen=True)
class TaskResult:
    """How one task went; each array has one value per context."""

    harmony: Values  # tonal distance to another context less that to its own: above 0 it listens
    rhythm: Values  # onset places in common with its own context less those with another: above 0 it listens
    diversity: Values  # mean Jaccard distance between two draws, 0 to 1; of real music, between two songs
    together: Values  # how given and composed tracks move together; nan where no whole track is given
    is_exact: bool  # given cells came back bit for bit


def make_task_masks(task: str, rolls: Rolls, spec: RollSpec) -> Mask:
    """What is given: (phrase, track, bar), True.

    ``accompany`` gives one sounding pitched track, another in turn for each phrase; ``continue`` the first half of
    the bars; ``infill`` the first and last quarter.
    """
    n_phrases, n_tracks, n_bars = rolls.shape[:3]
    mask = np.zeros((n_phrases, n_tracks, n_bars), bool)
    if task == "accompany":
        heard = rolls.any(axis=(2, 3, 4)) & ~np.array(spec.is_drum)
        turn = (np.arange(n_tracks) - np.arange(n_phrases)[:, None]) % n_tracks
        mask[np.arange(n_phrases), np.where(heard, -turn, -n_tracks).argmax(1)] = True
    elif task == "continue":
        mask[:, :, : n_bars // 2] = True
    else:
        mask[:, :, : max(n_bars // 4, 1)] = mask[:, :, -max(n_bars // 4, 1) :] = True
    return mask


def choose_other_contexts(mask: Mask) -> NDArray[np.int64]:
    """For each phrase another one with the same cells given, or itself when there is none: (phrase,)."""
    _, kind = np.unique(mask.reshape(len(mask), -1), axis=0, return_inverse=True)
    other = np.empty(len(mask), np.int64)
    for index in range(kind.max() + 1):
        members = np.flatnonzero(kind == index)
        other[members] = np.roll(members, 1)
    return other


def measure_agreement(rolls: Rolls, mask: Mask, spec: RollSpec) -> tuple[Values, Values]:
    """How near given and composed cells are in harmony (tonal distance) and rhythm (common onset places).

    Between given and composed tracks where whole tracks are given, else over the bar lines between given and
    composed bars. Each ``(phrase,)``.
    """
    if (mask == mask[:, :, :1]).all():
        given = mask[:, :, 0]
        across = given[:, :, None] & ~given[:, None]
        place = (metrics.as_one_bar(rolls)[:, :, 0] == ONSET).any(-1)
        first, second = place[:, :, None], place[:, None]
        harmony = average(metrics.tonal_distance(rolls, spec), -1)
        rhythm = metrics.share((first & second).sum(-1), (first | second).sum(-1))
    else:
        across = mask[:, :, 1:] != mask[:, :, :-1]
        found = measure_bar_lines(rolls, spec)
        harmony, rhythm = found["harmony"], found["rhythm"]
    return average(np.where(across, harmony, np.nan), (1, 2)), average(np.where(across, rhythm, np.nan), (1, 2))


def run_task(
    task: str,
    contexts: Rolls,
    spec: RollSpec,
    fill: Callable[[Rolls, Mask], Rolls] | None = None,
    n_draws: int = 8,
) -> TaskResult:
    """Complete each context `n_draws` times and measure the result.

    Parameters
    ----------
    contexts : (phrase, track, bar, step, pitch), uint8
        Real phrases.
    fill : (given, mask) -> rolls, optional
        Left out, the contexts themselves are the completions: the row of real music.
    """
    n_draws = n_draws if fill else 1
    mask = make_task_masks(task, contexts, spec)
    other = choose_other_contexts(mask)
    given, elsewhere = np.repeat(contexts, n_draws, axis=0), np.repeat(contexts[other], n_draws, axis=0)
    mask = np.repeat(mask, n_draws, axis=0)
    cells = mask[..., None, None]
    done = fill(np.where(cells, given, 0), mask) if fill else given
    own, foreign = (measure_agreement(rolls, mask, spec) for rolls in (done, np.where(cells, elsewhere, done)))
    harmony, rhythm = (average((b - a).reshape(-1, n_draws), 1) for a, b in zip(own, foreign, strict=True))
    draws = ((done == ONSET) & ~cells).reshape(len(contexts), n_draws, -1)
    return TaskResult(
        harmony=harmony,
        rhythm=-rhythm,
        diversity=_measure_diversity(draws if fill else np.concatenate([draws, draws[other]], axis=1)),
        together=average(_measure_togetherness(done, mask, spec).reshape(-1, n_draws), 1),
        is_exact=bool((done[mask] == given[mask]).all()),
    )


def continue_pieces(pieces: Rolls, n_given: int, fill: Callable[[Rolls, Mask], Rolls]) -> Rolls:
    """Pieces ``(piece, track, bar, step, pitch)`` of which all but the first `n_given` bars are composed anew."""
    mask = np.zeros(pieces.shape[:3], bool)
    mask[:, :, :n_given] = True
    return fill(np.where(mask[..., None, None], pieces, 0), mask)


def _measure_togetherness(rolls: Rolls, mask: Mask, spec: RollSpec) -> Values:
    """`harmonic_agreement` of the tracks that are given as a whole with the others: (phrase,)."""
    whole: Mask = np.all(mask, axis=-1)
    found = harmonic_agreement(rolls, whole, spec)
    return np.where(whole.any(-1) & (whole == mask.any(-1)).all(-1), found, np.nan)


def _measure_diversity(draws: NDArray[np.bool_]) -> Values:
    """Mean Jaccard distance between two draws of ``(context, draw, cell)``: (context,)."""
    found = draws.astype(np.float32)
    common = found @ found.swapaxes(1, 2)
    counts = np.diagonal(common, axis1=1, axis2=2)
    distance = 1 - metrics.share(common, counts[:, :, None] + counts[:, None] - common)
    first, second = np.triu_indices(draws.shape[1], k=1)
    return average(distance[:, first, second], 1)

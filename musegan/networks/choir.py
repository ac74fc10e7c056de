"""Lines of voices that hardly ever rest: at every step the most likely pitch, as a whole line.

Each cell by itself would be silent where the network hesitates between pitches. A line is the path through the
logits whose sum is largest (Viterbi), where two voices hardly ever go in parallel fifths, octaves or unisons.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PERFECT = (0, 7)  # semitones, octaves aside
PARALLEL = 15.0  # logits that a perfect interval costs which moves on in parallel
LIKELY = -6.0  # logits of a start below which a pitch is not looked at, where others are above

Logits = NDArray[np.float32]
"""(voice, batch, step, pitch)"""


def sung(
    held: Logits, starts: Logits, must_start: NDArray[np.bool_], order: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The lines of voices, which are found one after another.

    Parameters
    ----------
    held, starts : (voice, batch, step, pitch)
        Logits of a pitch that goes on, or starts; of what is given as large as numbers get.
    must_start : (voice, batch, step), bool
        Where nothing can go on.
    order : list of int
        Of the voices: each avoids parallels with those before it.

    Returns
    -------
    sounds, starts : (voice, batch, step, pitch), bool
        One pitch sounds at every step.
    """
    likely = np.flatnonzero((starts > LIKELY).any((0, 1, 2)))
    pitches = likely if len(likely) else np.arange(starts.shape[-1])
    lines = np.zeros(starts.shape[:3], np.int64)
    begins = np.zeros(starts.shape[:3], bool)
    for place, voice in enumerate(order):
        going = np.where(must_start[voice, ..., None], -np.inf, held[voice][..., pitches])
        lines[voice], begins[voice] = _line(going, starts[voice][..., pitches], pitches, lines[order[:place]])
    sounds = lines[..., None] == np.arange(starts.shape[-1])
    return sounds, sounds & begins[..., None]


def _line(
    held: NDArray[np.float64], starts: NDArray[np.float32], pitches: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """One line, ``held, starts : (batch, step, pitch)``, beside ``others : (voice, batch, step)``: its pitches and
    where they start, (batch, step) each."""
    n_rows, n_steps, n_pitches = starts.shape
    rows = np.arange(n_rows)
    best = starts[:, 0].astype(np.float64)
    before = np.zeros((n_steps, n_rows, n_pitches), np.int64)
    begins = np.ones((n_steps, n_rows, n_pitches), bool)
    for step in range(1, n_steps):
        reached = best[:, :, None] - PARALLEL * _parallels(pitches, others[:, :, step - 1 : step + 1])
        before[step] = reached.argmax(1)
        started = np.take_along_axis(reached, before[step][:, None], 1)[:, 0] + starts[:, step]
        gone_on = best + held[:, step]
        begins[step] = started >= gone_on
        best = np.maximum(started, gone_on)
    line, is_start = np.zeros((n_rows, n_steps), np.int64), np.zeros((n_rows, n_steps), bool)
    here = best.argmax(1)
    for step in range(n_steps - 1, -1, -1):
        line[:, step], is_start[:, step] = pitches[here], begins[step, rows, here]
        here = np.where(is_start[:, step], before[step, rows, here], here)
    return line, is_start


def _parallels(pitches: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """With how many of ``others : (voice, batch, 2)`` a move from each pitch to each goes in parallel at a perfect
    interval: (batch, from, to), or 0 where no other moves."""
    moves = others[..., 1] - others[..., 0]
    if not moves.any():
        return np.zeros((1, 1, 1))
    direction = np.sign(pitches - pitches[:, None])  # (from, to)
    apart = np.abs(pitches - others[..., None]) % 12  # (voice, batch, 2, pitch)
    is_same = (np.sign(moves)[..., None, None] == direction) & (moves != 0)[..., None, None]
    is_perfect = np.isin(apart, PERFECT)
    stays_apart = (apart[..., 0, :, None] == apart[..., 1, None, :]) & is_perfect[..., 1, None, :]
    return (is_same & stays_apart).sum(0, dtype=np.float64)

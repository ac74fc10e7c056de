"""Contact sheets: many phrases as thumbnails on one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.files import atomic_write
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec
from musegan.render.colours import colour_of, mix_with_white

_GUTTER = 12  # pixels between thumbnails


def draw_grid(rolls: NDArray[np.uint8], spec: RollSpec, path: str | Path, n_columns: int = 4) -> Path:
    """Draw many phrases as thumbnails on one ``.png`` contact sheet and return its path.

    Every thumbnail has the same lanes: those pitches that any of the phrases uses, onsets dark and held cells
    pale in the colour of the track.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
        At least one phrase.
    n_columns : int
        Thumbnails side by side.
    """
    from matplotlib.image import imsave

    path = Path(path)
    phrases = np.concatenate([_draw_thumbnails(rolls, spec, track) for track in range(spec.n_tracks)], axis=1)
    phrases = np.pad(
        phrases, ((0, -len(phrases) % n_columns), (_GUTTER, 0), (_GUTTER, 0), (0, 0)), constant_values=1
    )
    n, height, width, _ = phrases.shape
    rows = phrases.reshape(n // n_columns, n_columns, height, width, 3).swapaxes(1, 2)
    sheet = rows.reshape(n // n_columns * height, n_columns * width, 3)
    sheet = np.pad(sheet, ((0, _GUTTER), (0, _GUTTER), (0, 0)), constant_values=1)
    with atomic_write(path) as temporary:
        imsave(temporary, sheet, format="png")
    return path


def _draw_thumbnails(rolls: NDArray[np.uint8], spec: RollSpec, track: int) -> NDArray[np.float32]:
    """One track of every phrase as pixels: (phrase, y, x, 3), 0 to 1."""
    n_phrases, _, n_bars, n_steps, n_pitches = rolls.shape
    cells = rolls[:, track].reshape(n_phrases, n_bars * n_steps, n_pitches)
    used = np.flatnonzero((cells > 0).any((0, 1)))
    low, high = (int(used[0]), int(used[-1])) if len(used) else (n_pitches // 2, n_pitches // 2)
    pitches = used[::-1] if spec.is_drum[track] and len(used) else np.arange(high, low - 1, -1)
    colour = colour_of(spec.tracks[track])
    ink = np.array(
        [mix_with_white(colour, 0.92), mix_with_white(colour, 0.4), mix_with_white(colour, 0.0)], np.float32
    )
    pixels = ink[cells[:, :, pitches].swapaxes(1, 2)]
    if spec.is_drum[track]:  # hits are as wide as a sixteenth note, to be seen
        hit = cells[:, :, pitches].swapaxes(1, 2) == ONSET
        for shift in range(1, max(1, spec.steps_per_beat // 4)):
            pixels[:, :, shift:][hit[:, :, :-shift]] = ink[2]
    pixels = pixels.repeat(3 if spec.is_drum[track] else 2, axis=1).repeat(2, axis=2)
    pixels[:, :, :: 2 * n_steps] *= 0.75  # bar lines
    return np.pad(pixels, ((0, 0), (0, 2), (0, 0), (0, 0)), constant_values=1)

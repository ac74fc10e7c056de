"""What a piece can be asked to be: who plays when, how densely, how high, in which key, over which chords.

Each control is a class, `Control`. `CONTROLS` are those that every model has; `musegan.music.controls` takes more.
"""

from musegan.music.control_kinds.control import Control
from musegan.music.control_kinds.song_controls import MOST_STYLES, Chords, Groove, Key, Style, Tempo
from musegan.music.control_kinds.track_controls import (
    N_TEXTURES,
    PLAYS,
    RESTS,
    Density,
    Kit,
    Play,
    Register,
    Repetition,
    Texture,
)

__all__ = ["CONTROLS", "MOST_STYLES", "N_TEXTURES", "PLAYS", "RESTS", "Control"]

CONTROLS: tuple[Control, ...] = (
    Play(),
    Density(),
    Register(),
    Texture(),
    Key(),
    Chords(),
    Groove(),
    Repetition(),
    Style(),
    Kit(),
    Tempo(),
)

"""A colour for every kind of instrument, the same in every picture."""

from __future__ import annotations

from musegan.music.spec import TrackSpec

DRUMS = "#e5484d"
FAMILIES = (
    "#3b82e0",  # pianos
    "#0ea5b7",  # chromatic percussion
    "#b45f9c",  # organs
    "#e69a0b",  # guitars
    "#8250df",  # basses
    "#4d9e3a",  # solo strings
    "#1f9d7a",  # string ensembles and choirs
    "#c46a1b",  # brass
    "#a3742c",  # reeds
    "#d6409f",  # pipes
    "#5fa8a0",  # synthesizer leads
    "#7a8ff0",  # synthesizer pads
    "#8d6bb5",  # synthesizer effects
    "#8a6d3b",  # instruments of the world
    "#b55a4a",  # percussive
    "#5b6b8c",  # sound effects
)
"""One for each eight General MIDI programs; readable on light and on dark paper."""


def colour_of(track: TrackSpec) -> str:
    """The colour of an instrument, as ``#rrggbb``."""
    return DRUMS if track.is_drum else FAMILIES[track.program // 8]


def mix_with_white(colour: str, paper: float) -> tuple[float, ...]:
    """`colour` with a share of `paper` white in it."""
    from matplotlib.colors import to_rgb

    return tuple(part + (1 - part) * paper for part in to_rgb(colour))

"""How loud each instrument is played, so that a mix is even before anybody touches a fader."""

from __future__ import annotations

# LUFS of single notes at velocity 90 by General MIDI program, in the shipped sound font.
_LEVELS = (
    *(-35, -35, -32, -34, -28, -32, -34, -31, -33, -33, -31, -26, -35, -38, -29, -34),
    *(-30, -32, -31, -31, -29, -30, -29, -32, -30, -34, -31, -35, -33, -30, -27, -29),
    *(-31, -30, -31, -30, -30, -35, -30, -30, -27, -27, -26, -28, -29, -33, -26, -34),
    *(-28, -31, -32, -30, -30, -30, -29, -31, -30, -30, -34, -24, -34, -28, -28, -29),
    *(-31, -30, -32, -29, -28, -30, -29, -28, -29, -28, -30, -31, -29, -25, -25, -28),
    *(-28, -27, -29, -28, -25, -29, -28, -29, -35, -32, -28, -31, -32, -32, -34, -29),
    *(-28, -29, -29, -27, -41, -27, -28, -33, -31, -34, -31, -31, -27, -28, -27, -34),
    *(-37, -32, -39, -31, -38, -31, -60, -38, -47, -28, -33, -31, -53, -47, -35, -35),
)
_DRUMS_LEVEL = -35  # of a beat of kick, snare and hi-hat
_TARGETS = {"drums": -21, "bass": -23, "melody": -24, "chords": -27, "pads": -30}  # LUFS
_MOST = 16  # dB


def balance_gain(program: int, is_drum: bool) -> float:
    """What the sound of an instrument is multiplied by in a mix: drums and bass carry it, pads stand behind."""
    level = _DRUMS_LEVEL if is_drum else _LEVELS[program]
    decibels = _TARGETS[_find_role(program, is_drum)] - level
    return float(10 ** (min(max(decibels, -_MOST), _MOST) / 20))


def _find_role(program: int, is_drum: bool) -> str:
    if is_drum:
        return "drums"
    if 32 <= program < 40:
        return "bass"
    if 40 <= program < 56 or 88 <= program < 96:
        return "pads"
    return "melody" if 56 <= program < 88 else "chords"

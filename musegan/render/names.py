"""Names of the General MIDI drum kit."""

from __future__ import annotations

DRUM_NAMES = {
    35: "kick 2", 36: "kick", 37: "side stick", 38: "snare", 39: "clap", 40: "snare 2", 41: "low floor tom",
    42: "closed hat", 43: "floor tom", 44: "pedal hat", 45: "low tom", 46: "open hat", 47: "low mid tom",
    48: "high mid tom", 49: "crash", 50: "high tom", 51: "ride", 52: "china", 53: "ride bell", 54: "tambourine",
    55: "splash", 56: "cowbell", 57: "crash 2", 58: "vibraslap", 59: "ride 2", 60: "high bongo", 61: "low bongo",
    62: "mute conga", 63: "open conga", 64: "low conga", 65: "high timbale", 66: "low timbale", 67: "high agogo",
    68: "low agogo", 69: "cabasa", 70: "maracas", 71: "short whistle", 72: "long whistle", 73: "short guiro",
    74: "long guiro", 75: "claves", 76: "high block", 77: "low block", 78: "mute cuica", 79: "open cuica",
    80: "mute triangle", 81: "open triangle",
}  # fmt: skip
"""MIDI pitch to what General MIDI plays there on the drum channel, in short."""


def drum_name(pitch: int) -> str:
    """Kit name of a pitch on the drum channel; its number where General MIDI has none."""
    return DRUM_NAMES.get(pitch, f"drum {pitch}")

"""The drums of General MIDI as they are written in scores."""

from __future__ import annotations

KIT = {
    35: ("E4", "normal"), 36: ("F4", "normal"), 37: ("C5", "x"), 38: ("C5", "normal"), 39: ("B4", "x"),
    40: ("C5", "normal"), 41: ("G4", "normal"), 42: ("G5", "x"), 43: ("A4", "normal"), 44: ("D4", "x"),
    45: ("B4", "normal"), 46: ("G5", "circle-x"), 47: ("D5", "normal"), 48: ("E5", "normal"), 49: ("A5", "x"),
    50: ("F5", "normal"), 51: ("F5", "x"), 52: ("C6", "x"), 53: ("F5", "diamond"), 54: ("E5", "x"),
    55: ("D6", "x"), 56: ("E5", "triangle"), 57: ("B5", "x"), 59: ("D5", "x"),
}  # fmt: skip
"""Drum pitch to its place on a five-line staff (read in treble clef) and its note head."""
OTHER_DRUM = ("E5", "diamond")

"""Names of the General MIDI instruments and of its drum kit."""

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

INSTRUMENTS = [
    "acoustic grand piano", "bright acoustic piano", "electric grand piano", "honky-tonk piano",
    "electric piano 1", "electric piano 2", "harpsichord", "clavinet", "celesta", "glockenspiel", "music box",
    "vibraphone", "marimba", "xylophone", "tubular bells", "dulcimer", "drawbar organ", "percussive organ",
    "rock organ", "church organ", "reed organ", "accordion", "harmonica", "tango accordion",
    "acoustic guitar, nylon", "acoustic guitar, steel", "electric guitar, jazz", "electric guitar, clean",
    "electric guitar, muted", "overdriven guitar", "distortion guitar", "guitar harmonics", "acoustic bass",
    "electric bass, finger", "electric bass, pick", "fretless bass", "slap bass 1", "slap bass 2",
    "synth bass 1", "synth bass 2", "violin", "viola", "cello", "contrabass", "tremolo strings",
    "pizzicato strings", "orchestral harp", "timpani", "string ensemble 1", "string ensemble 2",
    "synth strings 1", "synth strings 2", "choir aahs", "voice oohs", "synth choir", "orchestra hit",
    "trumpet", "trombone", "tuba", "muted trumpet", "french horn", "brass section", "synth brass 1",
    "synth brass 2", "soprano sax", "alto sax", "tenor sax", "baritone sax", "oboe", "english horn",
    "bassoon", "clarinet", "piccolo", "flute", "recorder", "pan flute", "blown bottle", "shakuhachi",
    "whistle", "ocarina", "lead 1, square", "lead 2, sawtooth", "lead 3, calliope", "lead 4, chiff",
    "lead 5, charang", "lead 6, voice", "lead 7, fifths", "lead 8, bass + lead", "pad 1, new age",
    "pad 2, warm", "pad 3, polysynth", "pad 4, choir", "pad 5, bowed", "pad 6, metallic", "pad 7, halo",
    "pad 8, sweep", "fx 1, rain", "fx 2, soundtrack", "fx 3, crystal", "fx 4, atmosphere", "fx 5, brightness",
    "fx 6, goblins", "fx 7, echoes", "fx 8, sci-fi", "sitar", "banjo", "shamisen", "koto", "kalimba",
    "bagpipe", "fiddle", "shanai", "tinkle bell", "agogo", "steel drums", "woodblock", "taiko drum",
    "melodic tom", "synth drum", "reverse cymbal", "guitar fret noise", "breath noise", "seashore",
    "bird tweet", "telephone ring", "helicopter", "applause", "gunshot",
]  # fmt: skip
"""What each General MIDI program is."""

INSTRUMENT_FAMILIES = [
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed",
    "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
]  # fmt: skip
"""What each eight of them in a row are."""


def drum_name(pitch: int) -> str:
    """Kit name of a pitch on the drum channel; its number where General MIDI has none."""
    return DRUM_NAMES.get(pitch, f"drum {pitch}")

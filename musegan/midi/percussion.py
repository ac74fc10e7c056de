"""Drums in MusicXML: which drum of General MIDI each unpitched note is.

MusicXML writes the place of a hit on the staff, and beside it an instrument that says the sound. music21 knows the
places only, so hits are written as notes of the pitch that MIDI has for the drum before it reads a score.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from musegan.music.drums import KIT

_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SNARE = 38  # where nothing tells the drum
_DRUM_CHANNEL = "10"  # as scores count
_BY_PLACE = {place: number for number, (place, _) in reversed(KIT.items())}
_BY_HEAD = {written: number for number, written in reversed(KIT.items())}


def spell_drums(text: str) -> str:
    """A MusicXML score with the hits of its drum parts as notes of MIDI pitches, and one drum set a part.

    Drum parts are those with unpitched notes, and those with a percussion clef on MIDI channel 10. A hit is the
    drum that ``midi-unpitched`` says of its instrument, or of the only one of its part, or that is written at its
    place with its note head.
    """
    if "unpitched" not in text and "percussion" not in text:
        return text
    try:
        root = fromstring(text)
    except ParseError:  # whoever reads it next says what is wrong
        return text
    for header in root.iter("score-part"):
        parts = [part for part in root.iter("part") if part.get("id") == header.get("id")]
        if any(_is_drum_part(part, header) for part in parts):
            sounds = _read_sounds(header)
            for part in parts:
                _spell_part(part, sounds)
            _write_drum_set(header)
    return tostring(root, encoding="unicode")


def _is_drum_part(part: Element, header: Element) -> bool:
    if part.find(".//unpitched") is not None:
        return True
    has_clef = any(sign.text == "percussion" for sign in part.iter("sign"))
    return has_clef and any(item.text == _DRUM_CHANNEL for item in header.iter("midi-channel"))


def _read_sounds(header: Element) -> dict[str, int]:
    """The MIDI pitch of each instrument of a part. MusicXML counts from 1."""
    sounds = {}
    for item in header.iter("midi-instrument"):
        number = (item.findtext("midi-unpitched") or "").strip()
        if number.isdecimal() and 1 <= int(number[:4]) <= 128:
            sounds[item.get("id") or ""] = int(number) - 1
    return sounds


def _spell_part(part: Element, sounds: dict[str, int]) -> None:
    for attributes in part.iter("attributes"):
        for transposition in attributes.findall("transpose"):
            attributes.remove(transposition)
    for note in part.iter("note"):
        instrument, hit = note.find("instrument"), note.find("unpitched")
        if hit is not None:
            known = sounds.get(instrument.get("id") or "") if instrument is not None else None
            if known is None and len(sounds) == 1:
                known = next(iter(sounds.values()))
            number = _read_place(hit, note.findtext("notehead")) if known is None else known
            note[list(note).index(hit)] = _make_pitch(number)
        if instrument is not None:
            note.remove(instrument)


def _read_place(hit: Element, head: str | None) -> int:
    """The drum that is written at a place of the staff."""
    place = (hit.findtext("display-step") or "").strip() + (hit.findtext("display-octave") or "").strip()
    return _BY_HEAD.get((place, head or "normal"), _BY_PLACE.get(place, _SNARE))


def _make_pitch(number: int) -> Element:
    name, pitch = _STEPS[number % 12], Element("pitch")
    SubElement(pitch, "step").text = name[0]
    if len(name) > 1:
        SubElement(pitch, "alter").text = "1"
    SubElement(pitch, "octave").text = str(number // 12 - 1)
    return pitch


def _write_drum_set(header: Element) -> None:
    """One instrument of the part, which music21 takes for drums."""
    for kind in ("score-instrument", "midi-device", "midi-instrument"):
        for item in header.findall(kind):
            header.remove(item)
    own = f"{header.get('id')}-drums"
    SubElement(SubElement(header, "score-instrument", id=own), "instrument-name").text = "Drums"
    sound = SubElement(header, "midi-instrument", id=own)
    SubElement(sound, "midi-channel").text = _DRUM_CHANNEL
    SubElement(sound, "midi-unpitched").text = "36"

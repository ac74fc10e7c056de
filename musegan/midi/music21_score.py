"""What music21 makes of a notation file, as a `Score`.

Repeats are not played out, grace notes are left out, ties are joined. Chord symbols are not played, but told.
Notes that end before they begin or start before the piece are left out, and that is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.score import Part, Score, concatenate_scores, find_main_key
from musegan.music.chords import KINDS, NO_CHORD, WRITTEN_KINDS
from musegan.music.key import PITCH_CLASS_NAMES, Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

TICKS_PER_BEAT = 10080  # divisible by every number of notes up to 10 in a quarter
DEFAULT_VELOCITY = 90
LONGEST_QUARTERS = 1 << 17  # of a file: 4096 bars of 32/4
NO_LENGTH = "notes of no length or before the beginning left out"


def parse_notation(text: str, kind: str) -> Score:
    """Read a text of a kind that music21 knows; the tunes of a collection follow each other.

    Raises `MidiError`; `MemoryError` goes through.
    """
    import music21

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = music21.converter.parseData(text, format=kind)
            pieces = parsed.scores if isinstance(parsed, music21.stream.Opus) else [parsed]
            scores = [score for piece in pieces if (score := _convert_score(piece.toSoundingPitch())).parts]
    except (MidiError, MemoryError):
        raise
    except Exception as error:  # music21 lets every kind of error through
        raise MidiError(f"it cannot be read as {kind}: {error}", "notation unreadable") from error
    if not scores:
        raise MidiError("it has no notes that can be read", "no notes")
    return concatenate_scores(scores, join_parts=True)


def _to_ticks(quarters: Iterable[float | Fraction]) -> NDArray[np.int64]:
    return np.array([round(value * TICKS_PER_BEAT) for value in quarters], np.int64)


def _convert_score(piece: Any) -> Score:
    parts = list(piece.parts) or [piece]
    length = float(piece.highestTime)
    if not length <= LONGEST_QUARTERS:
        raise MidiError(f"it is {length:g} quarter notes long; up to {LONGEST_QUARTERS} are read", "too long")
    meters = [(begin, meter) for begin, meter in _read_meters(parts[0]) if begin >= 0 and min(meter) > 0]
    tempos = list(_read_tempos(piece))
    signatures = list(_read_keys(parts[0]))
    converted = list(map(_convert_part, parts))
    return Score(
        ticks_per_beat=TICKS_PER_BEAT,
        parts=tuple(part for part, _ in converted if len(part.start)),
        tempo_ticks=_to_ticks(begin for begin, _ in tempos),
        tempo_qpm=np.array([qpm for _, qpm in tempos], np.float64),
        meter_ticks=_to_ticks(begin for begin, _ in meters),
        key=find_main_key(signatures, float(parts[0].highestTime)),
        meters=np.array([meter for _, meter in meters], np.int64).reshape(-1, 2),
        chords=tuple(_read_chord_symbols(piece)),
        repairs=(NO_LENGTH,) if any(n_lost for _, n_lost in converted) else (),
    )


def _read_tempos(piece: Any) -> Iterator[tuple[float, float]]:
    """Offset in quarters and quarter notes a minute of the tempos that can be played."""
    for begin, _, mark in piece.metronomeMarkBoundaries():
        qpm = mark.getQuarterBPM() or 120.0
        if begin >= 0 and SLOWEST_QPM <= qpm <= FASTEST_QPM:
            yield begin, qpm


def _read_chord_symbols(piece: Any) -> Iterator[tuple[int, str]]:
    """Tick and symbol of the chord symbols of a piece; an unknown kind becomes the triad in it."""
    import music21

    for symbol in piece.flatten().getElementsByClass(music21.harmony.ChordSymbol):
        tick = max(round(symbol.offset * TICKS_PER_BEAT), 0)
        if isinstance(symbol, music21.harmony.NoChord) or not symbol.pitches:
            yield tick, NO_CHORD
            continue
        root, bass = symbol.root().pitchClass, symbol.bass().pitchClass
        tones = {(pitch.pitchClass - root) % 12 for pitch in symbol.pitches}
        kinds = [kind for kind, known in WRITTEN_KINDS.items() if set(known) == tones]
        kinds += [kind for kind, known in KINDS.items() if set(known) <= tones]
        over = f"/{PITCH_CLASS_NAMES[bass]}" if bass != root else ""
        yield tick, PITCH_CLASS_NAMES[root] + (kinds or ["5"])[0] + over


def _read_keys(part: Any) -> Iterator[tuple[float, Key]]:
    """Offset in quarters and key of the signatures that say a mode."""
    import music21

    for key in part[music21.key.Key]:
        yield float(key.getOffsetInHierarchy(part)), Key.from_signature(key.sharps, key.mode == "minor")


def _read_meters(part: Any) -> Iterator[tuple[float | Fraction, tuple[int, int]]]:
    """Offset in quarters and time signature wherever it changes; a short bar has one of its own.

    Two short bars that make a whole one, as around a repeat sign, are one bar.
    """
    measures = list(part.getElementsByClass("Measure"))
    wholes = [measure.barDuration.quarterLength for measure in measures]
    lengths = [
        min(measure.duration.quarterLength or whole, whole)
        for measure, whole in zip(measures, wholes, strict=True)
    ]
    lengths[-1:] = wholes[-1:]
    before, written, is_second_half = None, None, False
    for index, (measure, whole) in enumerate(zip(measures, wholes, strict=True)):
        written = measure.timeSignature or written
        if is_second_half:
            is_second_half = False
            continue
        is_second_half = lengths[index] < whole and sum(lengths[index : index + 2]) == whole
        length = whole if is_second_half else lengths[index]
        meter = _find_meter(Fraction(length).limit_denominator(64), written)
        if meter != before:
            yield measure.offset, meter
        before = meter


def _find_meter(length: Fraction, written: Any) -> tuple[int, int]:
    """The meter of a bar of `length` quarters: the time signature that is written, if it is as long, or in
    quarters if possible."""
    if written is not None and Fraction(4 * written.numerator, written.denominator) == length:
        return int(written.numerator), int(written.denominator)
    meter = length / 4
    factor = max(1, 4 // meter.denominator)
    return meter.numerator * factor, meter.denominator * factor


def _convert_part(part: Any) -> tuple[Part, int]:
    """A part, and how many notes it has that end before they begin or start before the piece."""
    import music21

    instrument = part.getInstrument(returnDefault=True)
    part.stripTies(inPlace=True)
    rows = []
    n_lost = 0
    for element in part.flatten().notes:
        if isinstance(element, music21.harmony.Harmony) or element.duration.isGrace:
            continue
        if element.offset < 0 or not element.quarterLength > 0:
            n_lost += 1
            continue
        velocity = min(max(round(element.volume.velocity or DEFAULT_VELOCITY), 1), 127)
        end = element.offset + element.quarterLength
        pitches = (round(pitch.ps) for pitch in element.pitches)
        rows += [(element.offset, end, pitch, velocity) for pitch in pitches if 0 <= pitch <= 127]
    program = instrument.midiProgram or 0
    converted = Part(
        name=(part.partName or "").strip(),
        program=program if 0 <= program <= 127 else 0,
        is_drum=isinstance(instrument, music21.instrument.UnpitchedPercussion),
        start=_to_ticks(row[0] for row in rows),
        end=_to_ticks(row[1] for row in rows),
        pitch=np.array([row[2] for row in rows], np.uint8),
        velocity=np.array([row[3] for row in rows], np.uint8),
    )
    return converted, n_lost

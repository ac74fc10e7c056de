"""MusicXML, ABC and Humdrum files, and the corpus that comes with music21, as a `Score`.

Repeats are not played out, grace notes are left out, ties are joined. Chord symbols are not played, but told.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import DatasetError, MidiError
from musegan.midi.encoding import decode_document
from musegan.midi.percussion import spell_drums
from musegan.midi.score import Part, Score, concatenate_scores, find_main_key
from musegan.music.chords import KINDS, NO_CHORD, WRITTEN_KINDS
from musegan.music.key import PITCH_CLASS_NAMES, Key

TICKS_PER_BEAT = 10080  # divisible by every number of notes up to 10 in a quarter
DEFAULT_VELOCITY = 90
MAX_NOTATION_BYTES = 16 << 20  # larger files are refused

_FORMATS = {".musicxml": "musicxml", ".xml": "musicxml", ".mxl": "musicxml", ".abc": "abc", ".krn": "humdrum"}
NOTATION_SUFFIXES = tuple(_FORMATS)


def list_corpus_files(composer: str) -> list[Path]:
    """The files of one composer in the corpus of music21. Raises `DatasetError` when there are none."""
    import music21

    found = [Path(path) for path in music21.corpus.getComposer(composer)]
    if not found:
        raise DatasetError(f"music21 has no works of {composer!r}; music21:bach has the chorales")
    return [path for path in found if path.suffix.lower() in NOTATION_SUFFIXES]


def read_notation(data: bytes, name: str) -> Score:
    """Read a file by the suffix of `name`; the tunes of a collection follow each other. Raises `MidiError`."""
    import music21

    suffix = Path(name).suffix.lower()
    text = decode_document(_unzip_score(data, name) if suffix == ".mxl" else data)
    if _FORMATS[suffix] == "musicxml":
        text = spell_drums(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = music21.converter.parseData(text, format=_FORMATS[suffix])
            pieces = parsed.scores if isinstance(parsed, music21.stream.Opus) else [parsed]
            scores = [score for piece in pieces if (score := _convert_score(piece.toSoundingPitch())).parts]
    except Exception as error:  # music21 lets every kind of error through
        raise MidiError(f"{name} cannot be read as {_FORMATS[suffix]}: {error}", "notation unreadable") from error
    if not scores:
        raise MidiError(f"{name} has no notes that can be read", "no notes")
    return concatenate_scores(scores)


def _unzip_score(data: bytes, name: str) -> bytes:
    """The score inside a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                is_score = member.filename.lower().endswith((".xml", ".musicxml"))
                if is_score and not member.filename.startswith("META-INF"):
                    if member.file_size > MAX_NOTATION_BYTES:
                        raise MidiError(f"{name} expands to {member.file_size} bytes; is it music?", "too large")
                    with archive.open(member) as stream:
                        return stream.read(member.file_size)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise MidiError(f"{name} is not compressed MusicXML: {error}", "notation unreadable") from error
    raise MidiError(f"{name} holds no MusicXML", "notation unreadable")


def _to_ticks(quarters: Iterable[float | Fraction]) -> NDArray[np.int64]:
    return np.array([round(value * TICKS_PER_BEAT) for value in quarters], np.int64)


def _convert_score(piece: Any) -> Score:
    parts = list(piece.parts) or [piece]
    meters = list(_read_meters(parts[0]))
    tempos = [(begin, mark.getQuarterBPM() or 120.0) for begin, _, mark in piece.metronomeMarkBoundaries()]
    signatures = list(_read_keys(parts[0]))
    return Score(
        ticks_per_beat=TICKS_PER_BEAT,
        parts=tuple(part for part in map(_convert_part, parts) if len(part.start)),
        tempo_ticks=_to_ticks(begin for begin, _ in tempos),
        tempo_qpm=np.array([qpm for _, qpm in tempos], np.float64),
        meter_ticks=_to_ticks(begin for begin, _ in meters),
        key=find_main_key(signatures, float(parts[0].highestTime)),
        meters=np.array([meter for _, meter in meters], np.int64).reshape(-1, 2),
        chords=tuple(_read_chord_symbols(piece)),
    )


def _read_chord_symbols(piece: Any) -> Iterator[tuple[int, str]]:
    """Tick and symbol of the chord symbols of a piece; a kind that we do not know is told as the triad in it."""
    import music21

    for symbol in piece.flatten().getElementsByClass(music21.harmony.ChordSymbol):
        tick = round(symbol.offset * TICKS_PER_BEAT)
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
        yield float(key.getOffsetInHierarchy(part)), Key.of_signature(key.sharps, key.mode == "minor")


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
    before, is_second_half = 0, False
    for index, (measure, whole) in enumerate(zip(measures, wholes, strict=True)):
        if is_second_half:
            is_second_half = False
            continue
        is_second_half = lengths[index] < whole and sum(lengths[index : index + 2]) == whole
        length = whole if is_second_half else lengths[index]
        if length != before:
            meter = Fraction(length).limit_denominator(64) / 4
            factor = max(1, 4 // meter.denominator)
            yield measure.offset, (meter.numerator * factor, meter.denominator * factor)
        before = length


def _convert_part(part: Any) -> Part:
    import music21

    instrument = part.getInstrument(returnDefault=True)
    part.stripTies(inPlace=True)
    rows = []
    for element in part.flatten().notes:
        if isinstance(element, music21.harmony.Harmony) or not element.quarterLength:
            continue
        velocity = element.volume.velocity or DEFAULT_VELOCITY
        end = element.offset + element.quarterLength
        pitches = (round(pitch.ps) for pitch in element.pitches)
        rows += [(element.offset, end, pitch, velocity) for pitch in pitches if 0 <= pitch <= 127]
    return Part(
        name=(part.partName or "").strip(),
        program=instrument.midiProgram or 0,
        is_drum=isinstance(instrument, music21.instrument.UnpitchedPercussion),
        start=_to_ticks(row[0] for row in rows),
        end=_to_ticks(row[1] for row in rows),
        pitch=np.array([row[2] for row in rows], np.uint8),
        velocity=np.array([row[3] for row in rows], np.uint8),
    )

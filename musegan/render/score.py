"""Pieces as MusicXML scores, through music21."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.music.chords import NO_CHORD, estimate_chords
from musegan.music.key import estimate_key, parse_note
from musegan.music.pianoroll import HELD, ONSET, roll_to_notes, sounding_shares
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec
from musegan.render.engraving import BEAT, Chord, make_drum_chords, note_values, split_voices
from musegan.render.names import drum_name
from musegan.render.pen import Pen
from musegan.text import escape_xml

if TYPE_CHECKING:
    from music21.note import GeneralNote, Rest
    from music21.stream import Part, Score

_MOST_BARS, _MOST_NOTES = 4096, 12_000  # in all parts together; music21 takes a minute for so many bars
_CHORD_KINDS = {
    "": "major",
    "m": "minor",
    "dim": "diminished",
    "aug": "augmented",
    "sus4": "suspended-fourth",
    "7": "dominant-seventh",
    "maj7": "major-seventh",
    "m7": "minor-seventh",
    "m7b5": "half-diminished-seventh",
    "dim7": "diminished-seventh",
}
"""The kinds of `musegan.music.chords` as MusicXML names them."""
_CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?><container><rootfiles>'
    '<rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>"
)


def write_score(
    piece: Piece, path: str | Path, *, chords: bool = False, only: int | None = None, is_for_player: bool = False
) -> Path:
    """Write a piece as ``.musicxml`` or ``.xml``, or compressed as ``.mxl``, and return the path.

    Tracks without notes are left out. With `chords`, chord symbols stand over the first pitched part. With `only`,
    the part of that track is written, with the chords of the whole piece. What `is_for_player` is at the pitch
    that the instrument reads. Without a key, the one that fits the notes best is written. Raises `MuseganError`
    when the piece has no bars, or too many bars or notes.
    """
    from music21.musicxml.m21ToXml import ScoreExporter

    path = Path(path)
    if piece.key is None:
        piece = replace(piece, key=estimate_key(sounding_shares(piece.roll, piece.spec)))
    symbols = estimate_chords(piece.roll, piece.spec, piece.key) if chords else []
    if only is not None:
        is_other = np.arange(piece.spec.n_tracks) != only
        piece = replace(piece, roll=np.where(is_other[:, None, None, None], np.uint8(0), piece.roll))
    if not piece.n_bars:
        raise MuseganError("the piece has no bars; there is nothing to write as a score")
    n_parts = int(piece.roll.any((1, 2, 3)).sum())
    if piece.n_bars * n_parts > _MOST_BARS:
        raise MuseganError(
            f"a score of {piece.n_bars} bars of {n_parts} parts would be too long; up to {_MOST_BARS} bars in all "
            "parts together are written, so choose some of the bars",
            field="bars",
        )
    n_notes = int((piece.roll == ONSET).sum() + (piece.roll[:, :, 0] == HELD).sum())  # tied over bar lines: again
    if n_notes > _MOST_NOTES:
        raise MuseganError(
            f"a score of {n_notes} notes would be too large; up to {_MOST_NOTES} are written, so choose some of "
            "the bars",
            field="bars",
        )
    score, hits, pens = _build_score(piece, path.stem, is_for_player)
    if chords:
        _add_chords(score, symbols, pens, piece.spec)
    exporter = ScoreExporter(score)
    _name_drums(exporter.parse(), hits)
    with atomic_write(path) as temporary:
        if path.suffix.lower() == ".mxl":
            with ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
                archive.writestr("META-INF/container.xml", _CONTAINER)
                archive.writestr("score.musicxml", exporter.asBytes())
        else:
            temporary.write_bytes(exporter.asBytes())
    return path


def _build_score(piece: Piece, title: str, is_for_player: bool) -> tuple[Score, list[int], list[Pen]]:
    """The score, the MIDI pitch of every drum hit in the order in which they are written, and how parts are."""
    import music21 as m21

    spec = piece.spec
    assert piece.key is not None
    score = m21.stream.Score()
    score.metadata = m21.metadata.Metadata(title=escape_xml(title), composer="musegan")
    notes = roll_to_notes(piece.roll, spec)
    hits: list[int] = []
    pens: list[Pen] = []
    for track in np.unique(notes["track"]).tolist() or range(spec.n_tracks):
        mine = notes[notes["track"] == track]
        above, below = _split_track_voices(mine, spec, piece.n_bars)
        pens.append(Pen.of(spec.tracks[track], mine["pitch"], piece.key, is_for_player))
        score.insert(0, _build_part(piece, track, pens[-1], above, below))
        if spec.is_drum[track]:
            hits += [pitch for chord in above for pitch in chord.pitches]
    bars = score.parts[0].getElementsByClass("Measure")
    bars[0].insert(0, m21.tempo.MetronomeMark(number=piece.tempo_qpm, referent=1.0))
    for bar, label in piece.sections:
        bars[bar].insert(0, m21.expressions.RehearsalMark(escape_xml(label)))
    return score, hits, pens


def _add_chords(score: Score, symbols: Sequence[tuple[int, str]], pens: Sequence[Pen], spec: RollSpec) -> None:
    """Chord symbols, as `estimate_chords` gives them, over the first part with pitches."""
    import music21 as m21

    index = next((index for index, pen in enumerate(pens) if not pen.is_drum), 0)
    bars = score.parts[index].getElementsByClass("Measure")
    for beat, symbol in symbols:
        bar, place = divmod(beat, spec.beats_per_bar)
        if symbol == NO_CHORD:
            bars[bar].insert(place, m21.harmony.NoChord(NO_CHORD))
            continue
        chord, _, bass = symbol.partition("/")
        kind = parse_note(chord)[1]
        root, lowest = (pens[index].name_chord(note) if note else None for note in (chord, bass))
        written = m21.harmony.ChordSymbol(root=root, bass=lowest, kind=_CHORD_KINDS[kind])
        written.writeAsChord = False
        bars[bar].insert(place, written)


def _split_track_voices(notes: NDArray, spec: RollSpec, n_bars: int) -> tuple[list[Chord], list[Chord]]:
    """The upper and the lower voice of one track."""
    start = notes["start"] * BEAT / spec.steps_per_beat
    end = start + notes["duration"] * BEAT / spec.steps_per_beat
    n_beats = n_bars * spec.beats_per_bar
    if len(notes) and spec.is_drum[notes["track"][0]]:
        return make_drum_chords(start, notes["pitch"], n_beats), []
    return split_voices(start, end, notes["pitch"], n_beats)


def _build_part(piece: Piece, track: int, pen: Pen, above: list[Chord], below: list[Chord]) -> Part:
    """One track in complete bars."""
    import music21 as m21

    part = m21.stream.Part()
    part.partName = part.partAbbreviation = escape_xml(piece.spec.tracks[track].name)
    part.atSoundingPitch = False
    part.insert(0, pen.make_instrument(piece.spec.tracks[track], track))
    length = piece.spec.beats_per_bar * BEAT
    for bar in range(piece.n_bars):
        measure = m21.stream.Measure(number=piece.bars_before + bar + 1)
        if bar == 0:
            signature = m21.meter.TimeSignature(f"{piece.spec.beats_per_bar}/4")
            for element in (pen.clef, pen.signature, signature):
                if element is not None:
                    measure.insert(0, element)
        upper = _build_bar(above, bar * length, length, pen)
        lower = _build_bar(below, bar * length, length, pen, is_lower=True)
        if any(not element.isRest for _, element in lower):
            for number, elements in enumerate((upper, lower), start=1):
                voice = m21.stream.Voice(id=str(number))
                for offset, element in elements:
                    voice.insert(offset, element)
                measure.insert(0, voice)
        else:
            for offset, element in upper:
                measure.insert(offset, element)
        part.append(measure)
    measure.rightBarline = "final"
    return part


def _build_bar(
    chords: Sequence[Chord], first: int, length: int, pen: Pen, is_lower: bool = False
) -> list[tuple[Fraction, GeneralNote]]:
    """One voice of the bar that begins at tick `first`: offsets in quarter notes, notes and rests.

    Rests of the lower voice are hidden.
    """
    inside = [chord for chord in chords if chord.start < first + length and chord.end > first]
    if not inside:
        return [(Fraction(0), _make_rest(length, is_lower, is_whole_bar=True))]
    elements: list[tuple[Fraction, GeneralNote]] = []
    place = 0
    for chord in inside:
        begin, end = max(chord.start - first, 0), min(chord.end - first, length)
        elements += [(Fraction(a, BEAT), _make_rest(b - a, is_lower)) for a, b in note_values(place, begin)]
        for a, b in note_values(begin, end):
            element = pen.write(chord)
            element.quarterLength = Fraction(b - a, BEAT)
            _set_tie(element, first + a > chord.start, first + b < chord.end)
            elements.append((Fraction(a, BEAT), element))
        place = end
    return elements + [(Fraction(a, BEAT), _make_rest(b - a, is_lower)) for a, b in note_values(place, length)]


def _make_rest(ticks: int, is_hidden: bool, is_whole_bar: bool = False) -> Rest:
    from music21.note import Rest

    rest = Rest(quarterLength=Fraction(ticks, BEAT))
    rest.fullMeasure = is_whole_bar
    rest.style.hideObjectOnPrint = is_hidden
    return rest


def _set_tie(element: GeneralNote, from_before: bool, to_after: bool) -> None:
    from music21.tie import Tie

    if from_before or to_after:
        element.tie = Tie("continue" if from_before and to_after else "stop" if from_before else "start")


def _name_drums(root: Element, hits: Sequence[int]) -> None:
    """Tell programs which drum of the General MIDI kit each hit is; music21 writes only its place.

    `hits` are the MIDI pitches of all unpitched notes under `root`, in order.
    """
    drums = [part for part in root.iter("part") if part.find(".//unpitched") is not None]
    pitches = iter(hits)
    for part in drums:
        header = next(item for item in root.iter("score-part") if item.get("id") == part.get("id"))
        used: set[int] = set()
        for note in part.iter("note"):
            if note.find("unpitched") is not None:
                pitch = next(pitches)
                used.add(pitch)
                after = max(i for i, child in enumerate(note) if child.tag in ("unpitched", "duration", "tie"))
                note.insert(after + 1, Element("instrument", id=f"{part.get('id')}-{pitch}"))
        for old in [*header.findall("score-instrument"), *header.findall("midi-instrument")]:
            header.remove(old)
        for pitch in sorted(used):
            instrument = SubElement(header, "score-instrument", id=f"{part.get('id')}-{pitch}")
            SubElement(instrument, "instrument-name").text = drum_name(pitch)
        for pitch in sorted(used):
            sound = SubElement(header, "midi-instrument", id=f"{part.get('id')}-{pitch}")
            SubElement(sound, "midi-channel").text = "10"
            SubElement(sound, "midi-unpitched").text = str(pitch + 1)

"""Pieces as MusicXML scores, through music21."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.midi.bars import name_meters
from musegan.music.chords import NO_CHORD
from musegan.music.key import parse_note
from musegan.music.piece import Piece
from musegan.render.engraving import BEAT, Chord, make_drum_chords, split_note_values, split_voices
from musegan.render.layout import Layout, lay_out_piece
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
    piece: Piece | Layout,
    path: str | Path,
    *,
    chords: bool | Sequence[tuple[int, float, str]] = False,
    is_for_player: bool = False,
) -> Path:
    """Write a piece, or a file as it is laid out, as ``.musicxml`` or ``.xml``, or compressed as ``.mxl``.

    Returns the path. Tracks without notes are left out. With `chords`, chord symbols stand over the first pitched
    part: those that are heard, or those that are given as by `Layout.find_chords`. What `is_for_player` is at the
    pitch that the instrument reads. Without a key, the one that fits the notes best is written. Raises
    `MuseganError` when the piece has no bars, or too many bars or notes.
    """
    from music21.musicxml.m21ToXml import ScoreExporter

    path = Path(path)
    if not piece.n_bars:
        raise MuseganError("the piece has no bars; there is nothing to write as a score")
    layout = piece if isinstance(piece, Layout) else lay_out_piece(piece)
    n_parts = len(np.unique(layout.notes["track"]))
    if piece.n_bars * n_parts > _MOST_BARS:
        raise MuseganError(
            f"a score of {piece.n_bars} bars of {n_parts} parts would be too long; up to {_MOST_BARS} bars in all "
            "parts together are written, so choose some of the bars",
            field="bars",
        )
    n_notes = layout.count_pieces()  # tied over bar lines: again
    if n_notes > _MOST_NOTES:
        raise MuseganError(
            f"a score of {n_notes} notes would be too large; up to {_MOST_NOTES} are written, so choose some of "
            "the bars",
            field="bars",
        )
    score, hits, pens = _build_score(layout, path.stem, is_for_player)
    if chords:
        _add_chords(score, layout.find_chords() if chords is True else chords, pens)
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


def _build_score(layout: Layout, title: str, is_for_player: bool) -> tuple[Score, list[int], list[Pen]]:
    """The score, the MIDI pitch of every drum hit in the order in which they are written, and how parts are."""
    import music21 as m21

    key = layout.find_key()
    score = m21.stream.Score()
    score.metadata = m21.metadata.Metadata(title=escape_xml(title), composer="musegan")
    notes = layout.notes
    hits: list[int] = []
    pens: list[Pen] = []
    for track in np.unique(notes["track"]).tolist() or range(len(layout.tracks)):
        mine = notes[notes["track"] == track]
        above, below = _split_track_voices(layout, mine, layout.tracks[track].is_drum)
        pens.append(Pen.from_track(layout.tracks[track], mine["pitch"], key, is_for_player))
        score.insert(0, _build_part(layout, track, pens[-1], above, below))
        if layout.tracks[track].is_drum:
            hits += [pitch for chord in above for pitch in chord.pitches]
    bars = score.parts[0].getElementsByClass("Measure")
    bars[0].insert(0, m21.tempo.MetronomeMark(number=layout.tempo_qpm, referent=1.0))
    for bar, label in layout.sections:
        bars[bar].insert(0, m21.expressions.RehearsalMark(escape_xml(label)))
    return score, hits, pens


def _add_chords(score: Score, symbols: Sequence[tuple[int, float, str]], pens: Sequence[Pen]) -> None:
    """Chord symbols, as `Layout.find_chords` gives them, over the first part with pitches."""
    import music21 as m21

    index = next((index for index, pen in enumerate(pens) if not pen.is_drum), 0)
    bars = score.parts[index].getElementsByClass("Measure")
    for bar, place, symbol in symbols:
        if symbol == NO_CHORD:
            bars[bar].insert(place, m21.harmony.NoChord(NO_CHORD))
            continue
        chord, _, bass = symbol.partition("/")
        kind = parse_note(chord)[1]
        root, lowest = (pens[index].name_chord(note) if note else None for note in (chord, bass))
        written = m21.harmony.ChordSymbol(root=root, bass=lowest, kind=_CHORD_KINDS[kind])
        written.writeAsChord = False
        bars[bar].insert(place, written)


def _split_track_voices(layout: Layout, notes: NDArray, is_drum: bool) -> tuple[list[Chord], list[Chord]]:
    """The upper and the lower voice of one track."""
    start = notes["start"] * BEAT / layout.steps_per_beat
    end = start + notes["duration"] * BEAT / layout.steps_per_beat
    lines = _find_lines(layout)
    if is_drum:
        return make_drum_chords(start, notes["pitch"], lines), []
    return split_voices(start, end, notes["pitch"], lines)


def _find_lines(layout: Layout) -> NDArray[np.int64]:
    """The bar lines in ticks of notation."""
    return np.rint(layout.lines * BEAT / layout.steps_per_beat).astype(np.int64)


def _build_part(layout: Layout, track: int, pen: Pen, above: list[Chord], below: list[Chord]) -> Part:
    """One track in complete bars."""
    import music21 as m21

    part = m21.stream.Part()
    part.partName = part.partAbbreviation = escape_xml(layout.tracks[track].name)
    part.atSoundingPitch = False
    part.insert(0, pen.make_instrument(layout.tracks[track], track))
    meters = dict(name_meters(layout.meters))
    for bar, (begin, end) in enumerate(pairwise(_find_lines(layout).tolist())):
        measure = m21.stream.Measure(number=layout.bars_before + bar + 1)
        if bar == 0:
            for element in (pen.clef, pen.signature):
                if element is not None:
                    measure.insert(0, element)
        if bar in meters:
            measure.insert(0, m21.meter.TimeSignature(meters[bar]))
        upper = _build_bar(above, begin, end - begin, pen)
        lower = _build_bar(below, begin, end - begin, pen, is_lower=True)
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
        elements += [(Fraction(a, BEAT), _make_rest(b - a, is_lower)) for a, b in split_note_values(place, begin)]
        for a, b in split_note_values(begin, end):
            element = pen.write_chord(chord)
            element.quarterLength = Fraction(b - a, BEAT)
            _set_tie(element, first + a > chord.start, first + b < chord.end)
            elements.append((Fraction(a, BEAT), element))
        place = end
    return elements + [
        (Fraction(a, BEAT), _make_rest(b - a, is_lower)) for a, b in split_note_values(place, length)
    ]


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

"""MusicXML, ABC and Humdrum files, and the corpus that comes with music21, as a `Score`.

A small text can ask for hours of work. So what is plainly no music is refused first, and music21 works in a
process of its own (`musegan.midi.notation_process`), whose time and memory are limited.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from musegan.errors import DatasetError, MidiError
from musegan.midi.encoding import decode_document
from musegan.midi.notation_process import parse_in_process
from musegan.midi.percussion import spell_drums
from musegan.midi.score import Score, concatenate_scores

MAX_NOTATION_BYTES = 16 << 20  # larger files are refused
MAX_PARTS = 512  # of a notation file
MAX_COLLECTION = 8_000  # characters of the tunes of an ABC file that are read, but for the first: 400 bars or so
MAX_CORPUS_COLLECTION = 40_000  # of one for a corpus
TUNES_LEFT_OUT = "only the first tunes of a long collection are read"
_AT_ONCE = 4_000  # characters of tunes that are read together, so that each time is far from the limit

_FORMATS = {".musicxml": "musicxml", ".xml": "musicxml", ".mxl": "musicxml", ".abc": "abc", ".krn": "humdrum"}
NOTATION_SUFFIXES = tuple(_FORMATS)

_LARGEST = {
    "fifths": 14,
    "beats": 128,
    "beat-type": 128,
    "divisions": 1_000_000,
    "duration": 1_000_000_000,
    "octave": 12,
    "alter": 12,
    "octave-change": 12,
    "actual-notes": 1000,
    "normal-notes": 1000,
    "multiple-rest": 10_000,
}
"""What a number of MusicXML may be, its sign aside."""
_XML_NUMBER = re.compile(rf"<({'|'.join(_LARGEST)})(?:\s[^<>]*)?>\s*[-+]?(\d+)")
_XML_PART = re.compile(r"<score-part\s")
_ABC_METER = re.compile(r"^\s*[ML]:.*?(\d{4,})", re.MULTILINE)
_ABC_TUNE = re.compile(r"^X:", re.MULTILINE)
_ABC_NOTE = re.compile(r"^\s*(?![A-Za-z]:|%)[^\n\"%]*?[A-Ga-gxyzXZ\])][,']*/?(\d{5,})", re.MULTILINE)


def list_corpus_files(composer: str) -> list[Path]:
    """The files of one composer in the corpus of music21. Raises `DatasetError` when there are none."""
    import music21

    found = [Path(path) for path in music21.corpus.getComposer(composer)]
    if not found:
        raise DatasetError(f"music21 has no works of {composer!r}; music21:bach has the chorales")
    return [path for path in found if path.suffix.lower() in NOTATION_SUFFIXES]


def read_notation(data: bytes, name: str, *, for_corpus: bool = False) -> Score:
    """Read a file by the suffix of `name`; the tunes of a collection follow each other, and of a long one only
    the first are read, which `Score.repairs` tells. Raises `MidiError`."""
    suffix = Path(name).suffix.lower()
    kind = _FORMATS[suffix]
    text = decode_document(_unzip_score(data, name) if suffix == ".mxl" else data)
    if problem := _find_absurd(text, kind):
        raise MidiError(f"{name}: {problem}; is it music?", "notation with absurd numbers")
    if kind == "musicxml":
        text = spell_drums(text)
    most = MAX_CORPUS_COLLECTION if for_corpus else MAX_COLLECTION
    try:
        return _read_collection(text, most) if kind == "abc" else parse_in_process(text, kind)
    except MidiError as error:
        raise MidiError(f"{name}: {error}", error.reason) from error


def _read_collection(text: str, most: int) -> Score:
    """The tunes of an ABC file, some at a time: a book of them would take longer than one file may."""
    begins = [match.start() for match in _ABC_TUNE.finditer(text)]
    if len(begins) < 2:
        return parse_in_process(text, "abc")
    head = text[: begins[0]]  # is for all tunes
    first, ends = begins[0], [*begins[1:], len(text)]
    ends = ends[:1] + [end for end in ends[1:] if end - first <= most]
    cuts = [first, *{(end - first) // _AT_ONCE: end for end in ends}.values()]
    scores = []
    for begin, end in pairwise(cuts):
        try:
            scores.append(parse_in_process(head + text[begin:end], "abc"))
        except MidiError as error:
            if error.reason != "no notes":
                raise
    if not scores:
        raise MidiError("it has no notes that can be read", "no notes")
    score = concatenate_scores(scores, join_parts=True)
    return score if ends[-1] == len(text) else replace(score, repairs=(*score.repairs, TUNES_LEFT_OUT))


def _find_absurd(text: str, kind: str) -> str | None:
    """The first thing in a text that no music has and that would take long to read."""
    if kind == "musicxml":
        for number in _XML_NUMBER.finditer(text):
            field, digits = number.groups()
            if len(digits) > 20 or int(digits) > _LARGEST[field]:
                return f"{field} is {_shorten(digits)}; up to {_LARGEST[field]} is read"
        n_parts = len(_XML_PART.findall(text))
        return f"it has {n_parts} parts; up to {MAX_PARTS} are read" if n_parts > MAX_PARTS else None
    if kind == "abc" and (found := _ABC_METER.search(text) or _ABC_NOTE.search(text)):
        line = text.count("\n", 0, found.start(1)) + 1
        return f"line {line} has the number {_shorten(found[1])}"
    return None


def _shorten(digits: str) -> str:
    return digits if len(digits) <= 12 else f"{digits[:10]}... ({len(digits)} digits)"


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
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise MidiError(f"{name} is not compressed MusicXML: {error}", "notation unreadable") from error
    raise MidiError(f"{name} holds no MusicXML", "notation unreadable")

"""Odd notation files without end: ABC and MusicXML from small grammars, with numbers and text changed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from random import Random

_NUMBERS = (
    "0",
    "-1",
    "1",
    "3",
    "7",
    "64",
    "127",
    "999",
    "4096",
    "99999",
    "1000000",
    "1" + "0" * 50,
    "0.001",
    "1e9",
)
_NUMBER = re.compile(r"-?\d+")
_STEPS = "CDEFGAB"


def notation_files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Suffix and bytes of files: most are music with something odd in it."""
    rng = Random(seed)
    while True:
        if rng.random() < 0.5:
            suffix, text = ".abc", _write_abc(rng)
        else:
            suffix, text = rng.choice([".musicxml", ".xml", ".mxl"]), _write_musicxml(rng)
        for _ in range(rng.choice([0, 1, 1, 2, 4])):
            text = rng.choice(_CHANGES)(rng, text)
        data = text.encode("utf-8", "replace")
        if rng.random() < 0.1:
            data = _change_bytes(rng, data)
        yield suffix, _compress(data) if suffix == ".mxl" else data


def _write_abc(rng: Random) -> str:
    lines = []
    for tune in range(rng.choice([1, 1, 1, 2, 5])):
        meter = rng.choice(["4/4", "3/4", "6/8", "C", "C|", "2/2", "none", "(2+3)/8"])
        key = rng.choice(["C", "Dm", "F#", "Bb mix", "HP", "K:", "G exp ^c _b", "none"])
        lines += [f"X:{tune + 1}", "T:t", f"M:{meter}", "L:1/8", f"Q:1/4={rng.choice([60, 120, 300])}", f"K:{key}"]
        n_voices = rng.choice([0, 0, 2, 4])
        for line in range(rng.choice([1, 2, 6])):
            lines += [f"V:{line % n_voices + 1}"] if n_voices else []
            lines.append(
                "|".join(_write_abc_bar(rng) for _ in range(rng.choice([1, 4, 8]))) + rng.choice(["|", ":|", "|]"])
            )
            lines += ["w: la-la * |_ ~"] * (rng.random() < 0.1)
    return "\n".join(lines) + "\n"


def _write_abc_bar(rng: Random) -> str:
    notes = []
    for _ in range(rng.choice([2, 4, 8])):
        note = (
            rng.choice(["", "^", "_", "=", "^^"])
            + rng.choice("CDEFGABcdefgabzx")
            + rng.choice(["", "", "'", ",,"])
        )
        note += rng.choice(["", "", "2", "/2", "3/2", "/", "//"])
        notes.append(
            rng.choice(
                [note] * 12
                + [
                    f"[{note}E]",
                    f"({note}{note})",
                    f"(3{note}{note}{note}",
                    f"{{{note}}}{note}",
                    f'"Am7"{note}',
                    f"{note}>{note}",
                ]
                + [f"{note}-{note}", f"!trill!{note}", f"[M:5/4]{note}", f"[K:Eb]{note}", "Z4", "[1", ":|2", "&"]
            )
        )
    return "".join(notes)


def _write_musicxml(rng: Random) -> str:
    parts = range(1, rng.choice([1, 1, 2, 5]) + 1)
    names = "".join(
        f'<score-part id="P{part}"><part-name>{rng.choice(["Piano", "Bass", "", "Drumset"])}</part-name>'
        f'<midi-instrument id="P{part}-I1"><midi-channel>{rng.choice([1, 10])}</midi-channel>'
        f"<midi-program>{rng.choice([1, 34, 128])}</midi-program></midi-instrument></score-part>"
        for part in parts
    )
    n_measures = rng.choice([1, 2, 4, 16])
    bodies = "".join(
        f'<part id="P{part}">'
        + "".join(_write_measure(rng, number) for number in range(1, n_measures + 1))
        + "</part>"
        for part in parts
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1">'
        f"<part-list>{names}</part-list>{bodies}</score-partwise>"
    )


def _write_measure(rng: Random, number: int) -> str:
    out = []
    if number == 1 or rng.random() < 0.1:
        beats, kind = rng.choice([(4, 4), (3, 4), (6, 8), (5, 4)])
        fifths = rng.choice([0, -3, 4])
        out.append(
            f"<attributes><divisions>{rng.choice([1, 4, 480])}</divisions><key><fifths>{fifths}</fifths>"
            f"</key><time><beats>{beats}</beats><beat-type>{kind}</beat-type></time></attributes>"
        )
    for _ in range(rng.choice([1, 4, 8])):
        pitch = rng.choice(
            [
                f"<pitch><step>{rng.choice(_STEPS)}</step><alter>{rng.choice([0, 1, -1])}</alter>"
                f"<octave>{rng.choice([2, 4, 6])}</octave></pitch>",
                "<rest/>",
                "<unpitched><display-step>E</display-step><display-octave>4</display-octave></unpitched>",
            ]
        )
        extra = rng.choice(
            [""] * 8
            + ["<voice>2</voice>", '<tie type="start"/>', '<tie type="stop"/>', "<type>quarter</type><dot/><dot/>"]
            + [
                "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
            ]
        )
        head = rng.choice([""] * 6 + ["<chord/>", "<grace/>", "<cue/>"])
        out.append(f"<note>{head}{pitch}<duration>{rng.choice([1, 2, 4, 480])}</duration>{extra}</note>")
        if rng.random() < 0.1:
            out.append(
                rng.choice(
                    [
                        "<backup><duration>4</duration></backup>",
                        "<forward><duration>2</duration></forward>",
                        '<direction><sound tempo="90"/></direction>',
                        '<barline><repeat direction="backward" times="3"/></barline>',
                        "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>",
                    ]
                )
            )
    return f'<measure number="{number}">{"".join(out)}</measure>'


def _change_number(rng: Random, text: str) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    place = rng.choice(found)
    return text[: place.start()] + rng.choice(_NUMBERS) + text[place.end() :]


def _lose(rng: Random, text: str) -> str:
    begin = rng.randrange(len(text) + 1)
    return text[:begin] + text[begin + rng.choice([1, 5, 40]) :]


def _copy(rng: Random, text: str) -> str:
    begin = rng.randrange(len(text) + 1)
    piece = text[begin : begin + rng.choice([3, 30, 300])] * rng.choice([1, 2, 50])
    place = rng.randrange(len(text) + 1)
    return text[:place] + piece + text[place:]


def _insert(rng: Random, text: str) -> str:
    place = rng.randrange(len(text) + 1)
    words = (
        "<",
        "&",
        "\0",
        "\ud83c",
        "(((((",
        "[[[",
        "<a>" * 50,
        '"',
        "|:" * 30,
        "V:9\n",
        "K:\n",
        "M:0/0\n",
        "%",
        "\u202e",
    )
    return text[:place] + rng.choice(words) + text[place:]


def _swap_elements(rng: Random, text: str) -> str:
    names = re.findall(r"<([a-z-]+)>", text)
    return text.replace(rng.choice(names), rng.choice(names), 1) if names else text


_CHANGES = (_change_number, _change_number, _change_number, _lose, _copy, _insert, _swap_elements)


def _change_bytes(rng: Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 4, 30])):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _compress(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", data)
    return file.getvalue()

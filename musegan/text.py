"""Text from outside, such as the names in a file, made safe for the place where it is shown."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # invisible, but part of how some scripts and emoji are written
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]+')
_MOST_BYTES = 80  # of a part of a file name; systems allow 255 for the whole


def clean_for_terminal(text: str) -> str:
    """One line for people: what would move the cursor, change colours, break the line or turn the direction of
    the text is written as an escape, such as ``\\x1b``."""
    if text.isprintable():  # nearly all text, and then there is nothing of that
        return text
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in _JOINERS
        else char
        for char in text
    )


def escape_html(text: str) -> str:
    """Text for the content of an element, or for an attribute in quotes."""
    return html.escape(text)


def escape_xml(text: str) -> str:
    """Without the characters that no XML file may hold; what writes XML escapes the others."""
    return _NOT_IN_XML.sub("", text)


def name_ranges(numbers: Iterable[int]) -> str:
    """Rising numbers in short: ``1, 5-8``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def clean_file_name(text: str) -> str:
    """A part of a file name that every system takes; may be empty."""
    name = _NOT_IN_FILE_NAMES.sub("_", text).strip(". ")
    return name.encode()[:_MOST_BYTES].decode(errors="ignore").strip(". ")

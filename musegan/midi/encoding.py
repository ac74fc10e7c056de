"""Texts of music files in whatever encoding they were written.

MIDI does not say how its texts are encoded. All texts of a file are looked at together, as names are short.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ENCODINGS = ["cp932", "gb18030", "big5", "euc_kr", "euc_jp", "cp1251", "koi8_r", "cp1252"]  # that are looked for
_SURE = 1000  # bytes of text are enough
_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]{,80}?encoding\s*=\s*["']([\w.-]{1,40})["']""")
_WESTERN = re.compile(
    rb"(?:[\x00-\x7f]|(?<![\x80-\xff])[\xa0-\xff](?![\x80-\xff]))*"
)  # no two of its letters meet
_CHINESE = re.compile(rb"(?:[\x00-\x7f]|[\xb0-\xd7][\xa1-\xfe])*")  # the common characters of GB 2312
_AFTER_KOREAN = re.compile(rb"[\xc9-\xd7][\xa1-\xfe]")  # characters that would be none in Korean


def find_encoding(texts: Iterable[bytes]) -> str:
    """The name of the encoding that texts of one file most likely have."""
    joined = b"\n".join(text for text in dict.fromkeys(texts) if not text.isascii() and not _find_unicode(text))
    try:
        joined.decode()
        return "utf-8"
    except UnicodeDecodeError:
        joined = joined[:_SURE]
    if _WESTERN.fullmatch(joined):
        return "cp1252"
    if _is_cyrillic(joined):
        return "cp1251"
    if _CHINESE.fullmatch(joined) and _AFTER_KOREAN.search(joined):
        return "gb18030"
    from charset_normalizer import from_bytes

    best = from_bytes(joined, cp_isolation=_ENCODINGS).best()
    return best.encoding if best else "cp1252"


def decode_text(text: bytes, encoding: str) -> str:
    """A text in Unicode where it shows that by itself, or else in an encoding."""
    return text.decode(_find_unicode(text) or encoding, "replace")


def decode_document(data: bytes) -> str:
    """A whole file of text: as its first bytes or its XML declaration say, or else as its letters look."""
    declared = _XML_ENCODING.match(data)
    if declared and not _find_unicode(data):
        try:
            return data.decode(codecs.lookup(declared[1].decode()).name)
        except (LookupError, UnicodeDecodeError):  # wrongly declared
            pass
    return decode_text(data, find_encoding([data]))


def _find_unicode(text: bytes) -> str | None:
    """UTF-16, or the encoding of a byte order mark; None for others."""
    for mark, encoding in _BOMS.items():
        if text.startswith(mark):
            return encoding
    if len(text) % 2 == 0 and text.count(0) * 3 > len(text):
        return "utf-16-be" if text[0] == 0 else "utf-16-le"
    return None


def _is_cyrillic(text: bytes) -> bool:
    """Whether nearly all letters beyond ASCII are small ones of Windows-1251, or all are capitals."""
    letters = [byte for byte in text if byte >= 0x80]
    n_small = sum(byte >= 0xE0 for byte in letters)
    return min(letters) >= 0xC0 and (n_small >= 0.6 * len(letters) or n_small == 0)

"""What the name of a part says of its place in the music."""

from __future__ import annotations

import re

MELODY, SUNG, BACKING = 12.0, 10.0, -2.0  # what names bring that say melody, a singer, or one behind another
_MELODY_NAME = re.compile(r"melod", re.IGNORECASE)
_SUNG_NAME = re.compile(r"vocal|\bvo[cx]\b|\bvoice\b|\bsing|gesang|\bvoz\b|canto|soprano", re.IGNORECASE)
_OTHER_NAME = re.compile(
    r"back|choir|harm|bridge|bass|drum|counter|\bbg|\bb\W*v|2nd|(?<!\d)2\b|\bii\b", re.IGNORECASE
)


def score_name(name: str) -> float:
    """What the name of a part speaks for its having the melody; below 0 for a second voice."""
    is_melody = _MELODY_NAME.search(name) is not None
    if not is_melody and not _SUNG_NAME.search(name):
        return 0.0
    return BACKING if _OTHER_NAME.search(name) else MELODY if is_melody else SUNG


def is_named_melody(name: str) -> bool:
    """Whether the name of a part says that it has the melody."""
    return score_name(name) > 0

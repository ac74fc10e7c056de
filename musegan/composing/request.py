"""What a user asks for besides the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musegan.music.key import Key


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """What the user asks for besides the task. Everything can be left out."""

    seed: int = 0
    temperature: float = 1.0  # of everything that is drawn; below 1 what is likely is preferred
    repetition: float = 0.0  # nats by which copies of known bars and beats are preferred to new notes; -4 to 4
    passes: int = 32  # passes of the networks, 1 to 256: more are better and take longer
    best_of: int = 1  # drafts, of which the likeliest is kept
    key: Key | None = None  # of the piece; estimated from given material when there is some
    snap: bool = False  # move the notes outside the key's scale to it
    density: Mapping[str, float] | None = None  # times the usual number of notes, by track name
    rests: Mapping[str, Sequence[int]] | None = None  # bars (0-based) in which a track is silent
    plays: Mapping[str, Sequence[int]] | None = None  # bars (0-based) in which a track plays
    progression: str | None = None  # chords, like C Am F G, a bar each; repeated to the end
    knobs: Mapping[str, float] | None = None  # steps by knob, see composing.knobs
    style: str | None = None  # label of the training corpus
    tempo_qpm: float | None = None  # as of a real song, or that of the given piece, when left out

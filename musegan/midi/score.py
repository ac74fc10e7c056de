"""What a music file says: parts of notes in ticks, tempo changes and time signatures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from musegan.midi.pedal import Pedal, PedalMoves, hold_notes
from musegan.music.key import Key


@dataclass(frozen=True, kw_only=True)
class Part:
    """The notes of one instrument of a file. The arrays have one entry per note."""

    name: str
    program: int  # General MIDI program, 0-127
    is_drum: bool
    start: NDArray[np.int64] = field(repr=False)  # tick of the onset, 0 or later
    end: NDArray[np.int64] = field(repr=False)  # tick of the release, never before start
    pitch: NDArray[np.uint8] = field(repr=False)  # MIDI number
    velocity: NDArray[np.uint8] = field(repr=False)  # 1-127
    moves: PedalMoves | None = field(default=None, repr=False)  # of the sustain pedal; None for drums

    def find_ends(self, pedal: Pedal) -> NDArray[np.int64]:
        """Ticks at which the notes end."""
        if pedal == "ignore" or self.moves is None:
            return self.end
        return hold_notes(self.start, self.end, self.pitch, self.moves)

    def shift(self, ticks: int) -> Part:
        """All later by some ticks."""
        moves = None if self.moves is None else (self.moves[0] + ticks, self.moves[1])
        return replace(self, start=self.start + ticks, end=self.end + ticks, moves=moves)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a music file says, in its own ticks. Tempos and time signatures are in the order of their ticks."""

    ticks_per_beat: int  # ticks in a quarter note
    parts: tuple[Part, ...]  # those with notes
    tempo_ticks: NDArray[np.int64] = field(repr=False)  # (tempo change,)
    tempo_qpm: NDArray[np.float64] = field(repr=False)  # (tempo change,), quarter notes a minute
    meter_ticks: NDArray[np.int64] = field(repr=False)  # (time signature,), empty when the file has none
    meters: NDArray[np.int64] = field(repr=False)  # (time signature, 2), numerator and denominator
    chords: tuple[tuple[int, str], ...] = ()  # tick and symbol of each chord symbol that is written in the file
    key: Key | None = None  # of the key signature that lasts longest; None when the file has none
    repairs: tuple[str, ...] = ()  # what had to be mended or assumed to read the file

    @property
    def n_notes(self) -> int:
        return sum(len(part.start) for part in self.parts)

    @property
    def end_tick(self) -> int:
        """Tick of the last release, 0 without notes."""
        return max((int(part.end.max()) for part in self.parts), default=0)

    def find_usual_tempo(self, begin: float, end: float) -> float:
        """The median tempo of the ticks between two, in qpm: that of the body, not of a slower end."""
        ticks = np.concatenate([[0], self.tempo_ticks, [max(end, self.end_tick)]])
        tempos = np.concatenate([[120.0], self.tempo_qpm])
        lengths = np.diff(np.clip(ticks, begin, end))
        order = np.argsort(tempos, kind="stable")
        middle = np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)
        return float(tempos[order[middle]])


def find_main_key(changes: Sequence[tuple[float, Key]], end: float) -> Key | None:
    """Of keys, each with the time from which it counts, the one that lasts longest until `end`, if any."""
    changes = sorted(changes, key=lambda change: change[0])
    ends = [*(begin for begin, _ in changes), end][1:]
    lasting: dict[Key, float] = {}
    for (begin, key), until in zip(changes, ends, strict=True):
        lasting[key] = lasting.get(key, 0) + max(until - begin, 0)
    return max(lasting, key=lambda key: lasting[key], default=None)


def concatenate_scores(scores: list[Score], *, join_parts: bool = False) -> Score:
    """Scores of the same ticks a beat as one, with the parts of all. With `join_parts` their first parts are one
    part where they have the same name and program, and so on."""
    ticks_per_beat = scores[0].ticks_per_beat
    moved, chords = [], []
    begin = 0
    for score in scores:
        ticks, meters = score.meter_ticks, score.meters
        if not len(ticks) or ticks[0] > 0:
            ticks, meters = np.append(0, ticks), np.concatenate([[[4, 4]], meters])
        parts = tuple(part.shift(begin) for part in score.parts)
        moved.append((parts, score.tempo_ticks + begin, ticks + begin, meters))
        chords += [(tick + begin, symbol) for tick, symbol in score.chords]
        ticks_per_bar = max(1, ticks_per_beat * 4 * int(meters[-1, 0]) // int(meters[-1, 1]))
        n_bars = -((int(ticks[-1]) - score.end_tick) // ticks_per_bar)
        begin += int(ticks[-1]) + max(n_bars, 0) * ticks_per_bar
    moved_parts = [parts for parts, *_ in moved]
    return Score(
        ticks_per_beat=ticks_per_beat,
        parts=tuple(_join_parts(moved_parts) if join_parts else chain.from_iterable(moved_parts)),
        tempo_ticks=np.concatenate([ticks for _, ticks, _, _ in moved]),
        tempo_qpm=np.concatenate([score.tempo_qpm for score in scores]),
        meter_ticks=np.concatenate([ticks for *_, ticks, _ in moved]),
        meters=np.concatenate([meters for *_, meters in moved]),
        chords=tuple(chords),
        key=next((score.key for score in scores if score.key), None),
        repairs=tuple(sorted({text for score in scores for text in score.repairs})),
    )


def _join_parts(sequences: Sequence[Sequence[Part]]) -> Iterator[Part]:
    """The parts of pieces that follow each other."""
    same: dict[tuple[int, str, int, bool], list[Part]] = {}
    for parts in sequences:
        for index, part in enumerate(parts):
            same.setdefault((index, part.name, part.program, part.is_drum), []).append(part)
    return map(_join_part, same.values())


def _join_part(parts: Sequence[Part]) -> Part:
    first = parts[0]
    moves = [part.moves for part in parts if part.moves is not None]
    return replace(
        first,
        start=np.concatenate([part.start for part in parts]),
        end=np.concatenate([part.end for part in parts]),
        pitch=np.concatenate([part.pitch for part in parts]),
        velocity=np.concatenate([part.velocity for part in parts]),
        moves=(np.concatenate([m[0] for m in moves]), np.concatenate([m[1] for m in moves])) if moves else None,
    )

"""One music file as a song of a dataset: its stretches on the grid, and by what it is known again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.parallel import Lost
from musegan.corpus.sources import Item
from musegan.errors import MidiError
from musegan.midi.grid import find_runs_in_meter
from musegan.midi.lanes import choose_players
from musegan.midi.pedal import Pedal
from musegan.midi.quantize import Stretch, map_parts, quantize_score
from musegan.midi.read import read_score
from musegan.midi.score import Score
from musegan.music.spec import RollSpec

_N_DOUBLINGS = 3  # a pattern has 2 ** 3 intervals
_MIX = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)  # odd, without structure
_OTHER_TRACK = 128  # in place of the interval between the last note of a track and the first of the next


@dataclass(frozen=True, slots=True)
class SongFile:
    """What is in a usable file."""

    stretches: list[Stretch]
    repairs: tuple[str, ...]  # what had to be mended or assumed
    n_unused: int  # notes of instruments without a track, outside the pitches or in other meters
    digest: int  # equal for files with the same onsets on the same tracks
    family: int  # mostly equal for versions of one song, in any key


def read_song(item: Item, spec: RollSpec, pedal: Pedal = "hold") -> SongFile | Lost:
    """Read and quantise one file; `Lost` gives the reason why it cannot be used."""
    if item.content is None:
        return Lost(item.problem)
    try:
        source = Path(item.content) if isinstance(item.content, str) else item.content
        score = read_score(source, item.name, is_quick=True)
    except MidiError as error:
        return Lost(error.reason, str(error))
    stretches = quantize_score(score, spec, choose_players(score, spec), pedal)
    if not stretches:
        return Lost(_explain_no_notes(score, spec))
    n_used = sum(int(stretch.feel_sums[..., 0].sum()) for stretch in stretches)
    n_unused = score.n_notes - n_used
    return SongFile(stretches, score.repairs, n_unused, hash_onsets(stretches), hash_family(stretches, spec))


def _explain_no_notes(score: Score, spec: RollSpec) -> str:
    if all(track is None for track in map_parts(score.parts, spec)):
        return "no instrument of the ensemble"
    if not find_runs_in_meter(score, spec):
        return f"no bars of {spec.beats_per_bar} quarter notes"
    return "no notes of the ensemble in its meter and range"


def hash_onsets(stretches: Sequence[Stretch]) -> int:
    """A hash, 64 bits, of the onsets of a song: of track, time and pitch, but not of velocity and length."""
    state = blake2b(digest_size=8)
    for stretch in stretches:
        for column in ("track", "start", "pitch"):
            state.update(np.ascontiguousarray(stretch.notes[column]).tobytes())
    return int.from_bytes(state.digest(), "little")


def hash_family(stretches: Sequence[Stretch], spec: RollSpec) -> int:
    """A hash, 64 bits, that versions of one song mostly share: the smallest hash of its melodic patterns.

    Two songs have it in common with a probability that is the share of their patterns which they have in
    common (MinHash; Broder, On the resemblance and containment of documents, 1997).
    """
    smallest = [hashes.min() for s in stretches if len(hashes := _hash_patterns(s.notes, spec))]
    return int(min(smallest)) if smallest else hash_onsets(stretches)


def _hash_patterns(notes: NDArray, spec: RollSpec) -> NDArray[np.uint64]:
    """One hash for every run of intervals between successive notes, unless most of them repeat a note."""
    track = notes["track"]
    intervals = np.diff(notes["pitch"].astype(np.int64))
    intervals[track[1:] != track[:-1]] = _OTHER_TRACK
    intervals = intervals[~np.array(spec.is_drum)[track[1:]]]
    n_intervals = 2**_N_DOUBLINGS
    if len(intervals) < n_intervals:
        return np.empty(0, np.uint64)
    hashes = intervals.astype(np.uint64)
    for doubling in range(_N_DOUBLINGS):
        reach = 2**doubling
        hashes = hashes[:-reach] * _MIX[doubling] + hashes[reach:]
    for shift, factor in ((29, _MIX[1]), (32, _MIX[2])):
        hashes = (hashes ^ hashes >> np.uint64(shift)) * factor
    moves = np.cumsum(np.append(0, intervals != 0))
    return hashes[moves[n_intervals:] - moves[:-n_intervals] > n_intervals // 2]

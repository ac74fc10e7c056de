"""Chord analysis on Bach chorales: ours and music21's, against what people wrote under the notes.

The corpus of music21 has Roman numeral analyses of 20 chorales by hand. At each beat the chord of the analysis
is compared with `musegan.music.chords.estimate_chords` and with music21's, `chordify` and the root and quality
it finds for the chord on the beat. Prints, of all beats, how many have the same root, and how many the same root
and the same triad.

    python benchmarks/chords.py
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import music21
import numpy as np

from musegan.music.chords import KINDS, estimate_chords
from musegan.music.spec import RollSpec, TrackSpec

QUALITIES = {(4, 7): "major", (3, 7): "minor", (3, 6): "diminished", (4, 8): "augmented"}
Label = tuple[int, str]
"""Root, and quality of the triad on it."""


@dataclass
class Chorale:
    """A score on a grid of sixteenths that begins with its pickup, and the chord of each beat by hand."""

    score: music21.stream.Score
    roll: np.ndarray
    spec: RollSpec
    labels: list[Label]


def main() -> None:
    warnings.simplefilter("ignore")
    folder = Path(music21.__file__).parent / "corpus/bach/choraleAnalyses"
    chorales = [chorale for path in sorted(folder.glob("*.rntxt")) if (chorale := load_chorale(path))]
    n_beats = sum(len(chorale.labels) for chorale in chorales)
    print(f"{len(chorales)} chorales, {n_beats} beats")
    for name, analyse in (("musegan", estimate_with_musegan), ("music21", estimate_with_music21)):
        counts = np.sum([count_agreement(analyse(chorale), chorale.labels) for chorale in chorales], axis=0)
        root, both = counts / n_beats
        print(f"{name}: same root {root:.1%}, same root and triad {both:.1%}")


def count_agreement(found: list[Label | None], wanted: list[Label]) -> tuple[int, int]:
    roots = sum(mine is not None and mine[0] == label[0] for mine, label in zip(found, wanted, strict=True))
    return roots, sum(mine == label for mine, label in zip(found, wanted, strict=True))


def load_chorale(path: Path) -> Chorale | None:
    """None when the score of an analysis is not in the corpus or has another length."""
    number = re.search(r"BWV:\s*([\d.]+)", path.read_text())
    try:
        analysis = music21.converter.parse(path)
        score = music21.corpus.parse(f"bach/bwv{number[1]}" if number else "")
    except Exception:
        return None
    flat = score.flatten().notes
    meter = score.recurse().getElementsByClass("TimeSignature").first()
    length = int(score.highestTime)
    if meter.beatDuration.quarterLength != 1 or abs(analysis.highestTime - score.highestTime) > 1:
        return None
    per_bar = meter.numerator
    # Beats are counted from the beginning, and the grid shifted so that bar lines are bar lines.
    first = score.parts[0].getElementsByClass("Measure").first().duration.quarterLength
    shift = int(-first % per_bar)
    spec = RollSpec(tracks=(TrackSpec(name="choir", program=52),), steps_per_beat=4, beats_per_bar=per_bar)
    steps = np.zeros((-(-(length + shift) // per_bar) * per_bar * 4, spec.n_pitches), np.uint8)
    for note in flat:
        begin, end = (round(float(x) * 4) + shift * 4 for x in (note.offset, note.offset + note.quarterLength))
        for pitch in note.pitches:
            steps[begin:end, pitch.midi - spec.lowest_pitch] = 1
            steps[begin, pitch.midi - spec.lowest_pitch] = 2
    labels = read_hand_labels(analysis, length)
    return Chorale(score, steps.reshape(1, -1, per_bar * 4, spec.n_pitches), spec, labels) if labels else None


def read_hand_labels(analysis: music21.stream.Score, n_beats: int) -> list[Label]:
    numerals = list(analysis.recurse().getElementsByClass("RomanNumeral"))
    offsets = np.array([float(numeral.getOffsetInHierarchy(analysis)) for numeral in numerals])
    places = np.searchsorted(offsets, np.arange(n_beats) + 1e-6, side="right") - 1
    return [name_chord(numerals[max(place, 0)]) for place in places.tolist()]


def name_chord(chord: music21.chord.Chord) -> Label:
    root = chord.root().pitchClass
    classes = {(pitch.pitchClass - root) % 12 for pitch in chord.pitches}
    triads = [name for tones, name in QUALITIES.items() if set(tones) <= classes]
    return root, triads[0] if triads else "other"


def estimate_with_musegan(chorale: Chorale) -> list[Label | None]:
    n_beats = chorale.roll.shape[1] * chorale.spec.beats_per_bar
    labels: list[Label | None] = [None] * n_beats
    for beat, symbol in estimate_chords(chorale.roll, chorale.spec):
        labels[beat:] = [read_symbol(symbol)] * (n_beats - beat)
    silent = int((chorale.roll.reshape(n_beats, -1).any(1)).argmax())
    return labels[silent : silent + len(chorale.labels)]


def read_symbol(symbol: str) -> Label | None:
    parts = re.match(r"([A-G][#b]?)([^/]*)", symbol)
    if parts is None or symbol == "N.C.":
        return None
    root = music21.pitch.Pitch(parts[1].replace("b", "-")).pitchClass
    return root, QUALITIES.get(KINDS[parts[2]][1:3], "other")


def estimate_with_music21(chorale: Chorale) -> list[Label | None]:
    chords = list(chorale.score.chordify().flatten().getElementsByClass("Chord"))
    offsets = np.array([float(chord.offset) for chord in chords])
    places = np.searchsorted(offsets, np.arange(len(chorale.labels)) + 1e-6, side="right") - 1
    return [name_chord(chords[max(place, 0)]) for place in places.tolist()]


if __name__ == "__main__":
    main()

"""Compose the sample corpus: 24 short songs for a band, by rule and chance, the same every time.

    python data/make_sample.py [data/sample]

The songs are our own and in the public domain (CC0). They are there to try `prepare`, `train` and `generate`
offline in a minute; a model for music needs far more.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import mido

TICKS_PER_BEAT = 480
STEP = TICKS_PER_BEAT // 4  # sixteenths
BAR = 16  # steps
LICENCE = "CC0-1.0"
SPLITS = {7: "valid", 15: "valid", 23: "test"}  # of songs by number; the others are trained on

TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PROGRESSIONS = {  # degrees of the scale, one chord a bar
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4), (1, 4, 0, 0), (0, 2, 3, 4), (3, 4, 2, 5)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 6), (5, 6, 0, 0), (0, 3, 6, 2), (3, 0, 4, 0)),
}
KICK, SNARE, RIM, CLOSED_HAT, OPEN_HAT, CRASH, RIDE, LOW_TOM, HIGH_TOM = 36, 38, 37, 42, 46, 49, 51, 45, 50

# x: a hit, o: a soft hit, one character a sixteenth
DRUMS = {
    "rock": {KICK: "x.....x.x.x.....", SNARE: "....x.......x...", CLOSED_HAT: "x.x.x.x.x.x.x.x."},
    "pop": {KICK: "x.......x..x....", SNARE: "....x.......x..o", CLOSED_HAT: "xoxoxoxoxoxoxoxo"},
    "funk": {KICK: "x..x......x..x..", SNARE: "....x..o.o..x..o", CLOSED_HAT: "x.xxx.xxx.xxx.x."},
    "ballad": {KICK: "x.........x.....", RIM: "........x.......", RIDE: "x...o.o.x...o.o."},
    "latin": {KICK: "x..x..x.x..x..x.", RIM: "x..x..x...x.x...", CLOSED_HAT: "x.xxx.xxx.xxx.xx"},
    "disco": {KICK: "x...x...x...x...", SNARE: "....x.......x...", OPEN_HAT: "..x...x...x...x."},
}
BASS = {  # r: root, f: fifth, o: octave, a: approach to the next root
    "rock": "r.r.r.r.r.r.r.f.",
    "pop": "r.....r.r.....a.",
    "funk": "r..r..o...r.o.fa",
    "ballad": "r.......f.......",
    "latin": "r..f....r..f..o.",
    "disco": "r.o.r.o.r.o.r.o.",
}
CHORDS = {  # of the piano: x short, X held until the next
    "rock": "X.......X.......",
    "pop": "X.....X.....X...",
    "funk": "..x..x....x..x..",
    "ballad": "X.......X.......",
    "latin": "x..x..x..x..x.x.",
    "disco": "..x...x...x...x.",
}
GUITAR = {  # digits: notes of the chord one after another, X: all
    "rock": "X...X.X.X...X.X.",
    "pop": "0.1.2.1.0.1.2.1.",
    "funk": "X.XX..X.X.X...XX",
    "ballad": "0.1.2.3.2.1.2.1.",
    "latin": "X..X..X...X.X...",
    "disco": "..XX..XX..XX..XX",
}
TEMPOS = {"rock": 126, "pop": 104, "funk": 100, "ballad": 76, "latin": 112, "disco": 118}
PROGRAMS = {
    "piano": (0, 1, 4, 5),
    "guitar": (25, 26, 27, 29),
    "bass": (32, 33, 34, 38),
    "strings": (48, 49, 50, 52),
}
LEADS = (40, 56, 65, 73)  # violin, trumpet, alto saxophone, flute
RHYTHMS = ("x...x...x.x.x...", "x.....x.x.......", "x.x.x...x.....x.", "..x.x.x.x...x...", "x..x..x.x.......")


@dataclass(frozen=True)
class Note:
    """In sixteenths from the start of the song."""

    start: int
    length: int
    pitch: int
    velocity: int


class Song:
    """One song: its plan is drawn at once, its parts are composed section by section."""

    def __init__(self, number: int, style: str) -> None:
        self.rng = Random(number)
        self.style, self.tonic = style, (number * 7 + number // 6) % 12
        self.mode = self.rng.choice(("major", "major", "minor"))
        self.qpm = TEMPOS[style] + self.rng.randrange(-8, 9)
        self.form = self.rng.choice(("AABA", "AABB", "ABAB", "AABABB", "AABABA", "AABBAABB"))
        first, second = self.rng.sample(PROGRESSIONS[self.mode], 2)
        self.progressions = {"A": first, "B": second}
        self.motifs = {name: self._motif() for name in "AB"}
        self.melody = 72  # pitch of the last note of the lead
        self.parts: dict[str, list[Note]] = {name: [] for name in ("drums", *PROGRAMS, "lead")}
        for index, section in enumerate(self.form):
            for bar in range(4):
                self._bar(index, section, bar)

    @property
    def name(self) -> str:
        return f"{self.style}-in-{TONICS[self.tonic]}-{self.mode}".lower()

    def _motif(self) -> list[tuple[str, list[int]]]:
        """Rhythm and steps from the chord's note in the scale, for two bars that alternate."""
        return [
            (self.rng.choice(RHYTHMS), [self.rng.choice((-2, -1, 0, 0, 1, 2, 3)) for _ in range(BAR)])
            for _ in range(2)
        ]

    def _pitch(self, degree: int, lowest: int) -> int:
        """The lowest pitch, from `lowest` on, of a degree of the scale."""
        return lowest + (self.tonic + SCALES[self.mode][degree % 7] - lowest) % 12

    def _chord(self, degree: int, lowest: int) -> list[int]:
        return sorted(self._pitch(degree + third, lowest) for third in (0, 2, 4))

    def _add(self, part: str, start: int, length: int, pitch: int, velocity: int) -> None:
        loud = max(20, min(127, velocity + self.rng.randrange(-6, 7)))
        self.parts[part].append(Note(start, length, pitch, loud))

    def _bar(self, index: int, section: str, bar: int) -> None:
        start = (index * 4 + bar) * BAR
        degree = self.progressions[section][bar]
        following = self.progressions[section][(bar + 1) % 4]
        self._drums(start, is_fill=bar == 3 and index % 2 == 1, is_first=bar == 0)
        self._bass(start, degree, following)
        self._piano(start, degree)
        if index:
            self._guitar(start, degree)
        if section == "B" or self.style == "ballad":
            for pitch in self._chord(degree, 60):
                self._add("strings", start, BAR, pitch, 58)
        if index or self.style in ("pop", "ballad"):
            self._lead(start, degree, section, bar)

    def _drums(self, start: int, is_fill: bool, is_first: bool) -> None:
        for pitch, pattern in DRUMS[self.style].items():
            for step, hit in enumerate(pattern[:8] if is_fill else pattern):
                if hit != ".":
                    self._add("drums", start + step, 1, pitch, 100 if hit == "x" else 60)
        if is_first:
            self._add("drums", start, 1, CRASH, 96)
        if is_fill:
            for step in range(8, BAR):
                if step % 2 == 0 or self.rng.random() < 0.5:
                    self._add("drums", start + step, 1, (SNARE, HIGH_TOM, LOW_TOM)[(step - 8) // 3], 80 + 2 * step)

    def _bass(self, start: int, degree: int, following: int) -> None:
        root = self._pitch(degree, 28)
        pitches = {
            "r": root,
            "f": self._pitch(degree + 4, root),
            "o": root + 12,
            "a": self._pitch(following, 28) - 1,
        }
        for step, length, sign in _events(BASS[self.style]):
            self._add("bass", start + step, min(length, 8), pitches[sign], 96 if step == 0 else 86)

    def _piano(self, start: int, degree: int) -> None:
        for step, length, sign in _events(CHORDS[self.style]):
            for pitch in self._chord(degree, 55):
                self._add("piano", start + step, length if sign == "X" else 1, pitch, 78 if step % 4 == 0 else 70)

    def _guitar(self, start: int, degree: int) -> None:
        chord = [*self._chord(degree, 48), self._chord(degree, 48)[0] + 12]
        for step, length, sign in _events(GUITAR[self.style]):
            for pitch in chord if sign == "X" else [chord[int(sign)]]:
                self._add("guitar", start + step, min(length, 2), pitch, 72)

    def _lead(self, start: int, degree: int, section: str, bar: int) -> None:
        rhythm, moves = self.motifs[section][bar % 2]
        for step, length, _ in _events(rhythm):
            move = 0 if step == 0 else moves[step]
            if bar == 3 and step > 8:  # phrases end on a long note
                continue
            pitch = self._pitch(degree + move, self.melody - 6)  # the nearest to the note before
            self.melody = pitch - 12 if pitch > 84 else pitch + 12 if pitch < 64 else pitch
            self._add("lead", start + step, min(length, 6), self.melody, 92)


def _events(pattern: str) -> list[tuple[int, int, str]]:
    """Step, length up to the next event, and sign of each event of a pattern."""
    steps = [step for step, sign in enumerate(pattern) if sign != "."]
    ends = [*steps[1:], len(pattern)]
    return [(step, end - step, pattern[step]) for step, end in zip(steps, ends, strict=True)]


def to_midi(song: Song) -> mido.MidiFile:
    """Type 1, one named track a part, drums on channel 10."""
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(song.qpm)))
    head.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    midi.tracks.append(head)
    for index, (name, notes) in enumerate(song.parts.items()):
        channel = 9 if name == "drums" else index
        programs = LEADS if name == "lead" else PROGRAMS.get(name, (0,))
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=song.rng.choice(programs)))
        track += _messages(notes, channel, len(song.form) * 4 * BAR * STEP)
        midi.tracks.append(track)
    return midi


def _messages(notes: list[Note], channel: int, end: int) -> list[mido.Message | mido.MetaMessage]:
    events = []
    for note in notes:
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_on", channel=channel, note=note.pitch, velocity=0)
        events += [(note.start * STEP, 1, on), ((note.start + note.length) * STEP - 1, 0, off)]
    now, messages = 0, []
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        messages.append(message.copy(time=tick - now))
        now = tick
    return [*messages, mido.MetaMessage("end_of_track", time=end - now)]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    styles = list(DRUMS)
    rows = []
    for number in range(24):
        song = Song(number, styles[number % len(styles)])
        name = f"{number + 1:02}-{song.name}.mid"
        to_midi(song).save(folder / name)
        rows.append((f"{folder.name}/{name}", SPLITS.get(number, "train"), song.style, LICENCE))
    with open(folder / "labels.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("file", "split", "style", "licence"), *rows])


if __name__ == "__main__":
    main()

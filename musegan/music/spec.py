"""What every axis of a roll means: the tracks of an ensemble and the grid of time and pitch.

A roll is ``uint8 (track, bar, step, pitch)``. A `RollSpec` says which instruments the tracks are, how
many steps a beat and a bar have, and which MIDI pitches the last axis covers. It travels in every
dataset and model file. The number of bars is never part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from musegan.errors import ConfigError
from musegan.schema import make_fields, read_toml

SLOWEST_QPM, FASTEST_QPM = 4.0, 1000.0  # quarter notes a minute; MIDI stores microseconds in 24 bits


@dataclass(frozen=True, kw_only=True)
class TrackSpec:
    """One instrument line of an ensemble."""

    name: str  # as shown to users and written to MIDI, unique in the ensemble
    program: int  # General MIDI program written to files, 0-127
    is_drum: bool = False  # True: the drum channel; onsets only
    programs: tuple[int, ...] = ()  # General MIDI programs read into this track
    part_names: tuple[str, ...] = ()  # part names read into this track (case ignored), before programs
    is_melody: bool = False  # True: takes the melody of a song, whatever program plays it
    lowest_pitch: int = 0  # MIDI number of the instrument's lowest note
    highest_pitch: int = 127  # of its highest

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a track needs a name")
        if not 0 <= self.lowest_pitch <= self.highest_pitch <= 127:
            raise ConfigError(
                f"track {self.name!r}: the range {self.lowest_pitch} to {self.highest_pitch} is not within 0-127"
            )
        for program in (self.program, *self.programs):
            if not 0 <= program <= 127:
                raise ConfigError(f"track {self.name!r}: program {program} is outside 0-127")


@dataclass(frozen=True, kw_only=True)
class RollSpec:
    """The meaning of ``(track, bar, step, pitch)``.

    A bar lasts ``beats_per_bar`` quarter notes: 4 covers 4/4 and 2/2, 3 covers 3/4 and 6/8.
    """

    tracks: tuple[TrackSpec, ...]
    steps_per_beat: int = 12  # steps in a quarter note
    beats_per_bar: int = 4  # quarter notes in a bar
    lowest_pitch: int = 24  # MIDI number of pitch index 0
    n_pitches: int = 84  # MIDI numbers lowest_pitch ... lowest_pitch + n_pitches - 1
    beats_per_chord: int = 0  # of the chords that a model is told; 0: half a bar, or a bar where the beats are odd
    one_part_a_track: bool = False  # of several parts that fit a track a corpus keeps the one that sounds most

    def __post_init__(self) -> None:
        if not 1 <= len(self.tracks) <= 64:
            raise ConfigError(f"an ensemble has 1 to 64 tracks, not {len(self.tracks)}")
        names = [track.name for track in self.tracks]
        if len(set(names)) != len(names):
            raise ConfigError(f"track names are not unique: {', '.join(names)}")
        if not 1 <= self.steps_per_beat <= 96:
            raise ConfigError(f"steps_per_beat is {self.steps_per_beat}; 1 to 96 are possible")
        if not 1 <= self.beats_per_bar <= 32:
            raise ConfigError(f"beats_per_bar is {self.beats_per_bar}; 1 to 32 are possible")
        if self.beats_per_chord and (self.beats_per_chord < 0 or self.beats_per_bar % self.beats_per_chord):
            raise ConfigError(
                f"beats_per_chord is {self.beats_per_chord}; it must divide the {self.beats_per_bar} of a bar"
            )
        if self.lowest_pitch < 0 or self.n_pitches < 1 or self.lowest_pitch + self.n_pitches > 128:
            raise ConfigError(
                f"pitches {self.lowest_pitch} to {self.lowest_pitch + self.n_pitches - 1} leave the MIDI range "
                "0-127"
            )

    @property
    def n_tracks(self) -> int:
        return len(self.tracks)

    @property
    def steps_per_bar(self) -> int:
        return self.steps_per_beat * self.beats_per_bar

    @cached_property
    def track_names(self) -> tuple[str, ...]:
        return tuple(track.name for track in self.tracks)

    @cached_property
    def is_drum(self) -> tuple[bool, ...]:
        """One flag per track."""
        return tuple(track.is_drum for track in self.tracks)

    @cached_property
    def lower_part_names(self) -> tuple[frozenset[str], ...]:
        """The names of parts that each track takes, in lower case."""
        return tuple(frozenset(filter(None, map(str.lower, track.part_names))) for track in self.tracks)

    def shape(self, n_bars: int) -> tuple[int, int, int, int]:
        """``(track, bar, step, pitch)`` of a roll of `n_bars`."""
        return self.n_tracks, n_bars, self.steps_per_bar, self.n_pitches

    def track_index(self, name: str) -> int:
        """Index of the track called `name` (case ignored). Raises `ConfigError` naming the ones there are."""
        lowered = [known.lower() for known in self.track_names]
        if name.strip().lower() not in lowered:
            raise ConfigError(f"there is no track {name!r}; the ensemble has {', '.join(self.track_names)}")
        return lowered.index(name.strip().lower())

    def require_same(self, other: RollSpec, here: str, there: str) -> None:
        """Raise `ConfigError` naming the first field in which two specs differ."""
        for field in (
            "steps_per_beat",
            "beats_per_bar",
            "lowest_pitch",
            "n_pitches",
            "beats_per_chord",
            "track_names",
            "is_drum",
        ):
            mine, theirs = getattr(self, field), getattr(other, field)
            if mine != theirs:
                raise ConfigError(
                    f"{here} and {there} do not fit: {field} is {mine} in {here} and {theirs} in {there}; "
                    "prepare the dataset and train the model with the same ensemble"
                )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RollSpec:
        """The inverse of `to_dict`; also reads the tables of an ensemble TOML file. Raises `ConfigError`."""
        return make_fields(cls, values, "ensemble")


BAND = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True, lowest_pitch=27, highest_pitch=87),
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 40)), lowest_pitch=24, highest_pitch=67),
        TrackSpec(name="guitar", program=25, programs=tuple(range(24, 32)), lowest_pitch=36, highest_pitch=96),
        TrackSpec(name="piano", program=0, programs=tuple(range(0, 16)), lowest_pitch=24, highest_pitch=107),
        TrackSpec(
            name="strings",
            program=48,
            programs=(*range(16, 24), *range(40, 56), *range(88, 96)),
            lowest_pitch=28,
            highest_pitch=103,
        ),
        TrackSpec(
            name="lead",
            program=73,
            programs=(*range(56, 88), 104, 105, 106, 107, 110, 111),
            part_names=("melody", "vocals", "vocal", "lead", "lead vocal", "lead vocals", "voice", "solo"),
            is_melody=True,
            lowest_pitch=43,
            highest_pitch=103,
        ),
    ),
    one_part_a_track=True,
)

CHORALE = RollSpec(
    tracks=(
        TrackSpec(name="soprano", program=52, part_names=("soprano", "s", "s.", "soprano 1")),
        TrackSpec(name="alto", program=52, part_names=("alto", "a", "a.")),
        TrackSpec(name="tenor", program=52, part_names=("tenor", "t", "t.")),
        TrackSpec(name="bass", program=52, part_names=("bass", "b", "b.")),
    ),
    steps_per_beat=4,
    beats_per_chord=1,
)

ENSEMBLES: dict[str, RollSpec] = {"band": BAND, "chorale": CHORALE}


def load_ensemble(name_or_path: str) -> RollSpec:
    """A named ensemble, or one described in a TOML file.

    The file has the fields of `RollSpec` at the top and one ``[[tracks]]`` table per track with the
    fields of `TrackSpec`. Raises `ConfigError` when there is no such name or file, or it is not valid.
    """
    if name_or_path in ENSEMBLES:
        return ENSEMBLES[name_or_path]
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"there is no ensemble {name_or_path!r}; use {', '.join(ENSEMBLES)} or the path of a TOML file"
        )
    try:
        return RollSpec.from_dict(read_toml(path.read_text(encoding="utf-8"), "the text"))
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no ensemble: {error}") from error

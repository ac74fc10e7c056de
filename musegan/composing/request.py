"""What a user asks for besides the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Annotated, Any, Self

from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM
from musegan.options import About, list_options, to_plain

if TYPE_CHECKING:
    from musegan.midi.song import Song

MAX_BARS = 512  # that are composed at once
MAX_BAR_NUMBER = 4096  # of any piece
_LARGEST_SEED = 2**53 - 1  # what every reader of JSON keeps exactly


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """What the user asks for besides the task. Everything can be left out.

    Raises `ConfigError`, which names the field, for a value of the wrong type or outside the limits.
    """

    seed: Annotated[int, About("Same seed, same music.", 0, _LARGEST_SEED)] = 0
    temperature: Annotated[float, About("Lower is safer, 1 as trained.", 0, 3)] = 1.0
    repetition: Annotated[
        float, About("Nats by which copies of bars and beats are preferred to new notes; below 0 avoided.", -4, 4)
    ] = 0.0
    passes: Annotated[int, About("Passes of the networks: more are better and take longer.", 1, 256)] = 32
    best_of: Annotated[int, About("Drafts per piece; the likeliest is kept.", 1, 256)] = 1
    key: Annotated[Key | None, About("Key, like C, Am, 'F# minor'.")] = None
    snap: Annotated[bool, About("Move notes outside the key's scale to it.")] = False
    density: Annotated[
        Mapping[str, float], About("Times the usual number of notes: 0.5, or drums=2,bass=0.5.", 0, 16)
    ] = field(default_factory=dict)
    rests: Annotated[
        Mapping[str, Sequence[int]],
        About("Bars in which a track is silent: drums:1-2.", 0, MAX_BAR_NUMBER - 1, name="rest"),
    ] = field(default_factory=dict)
    plays: Annotated[
        Mapping[str, Sequence[int]],
        About("Bars in which a track plays: piano:1-8.", 0, MAX_BAR_NUMBER - 1, name="play"),
    ] = field(default_factory=dict)
    progression: Annotated[
        str | None, About("Chords, a bar each: 'C Am F G', or with bar lines 'C Am | F G'.")
    ] = None
    knobs: Annotated[
        Mapping[str, float], About("Turn a knob by steps: busier=1; see `musegan info MODEL`.", -4, 4, name="knob")
    ] = field(default_factory=dict)
    style: Annotated[str | None, About("Style label of the training corpus.")] = None
    tempo_qpm: Annotated[
        float | None,
        About(
            "Quarter notes a minute. (default: as of a real song, or that of the file)",
            SLOWEST_QPM,
            FASTEST_QPM,
            name="tempo",
        ),
    ] = None

    def __post_init__(self) -> None:
        for option in list_options(type(self)):
            option.check(getattr(self, option.field))

    def with_plain(self, values: Mapping[str, Any]) -> Self:
        """A copy with some fields changed to values as JSON has them.

        Raises `ConfigError` for an unknown field or a wrong value.
        """
        options = {option.field: option for option in list_options(type(self))}
        for name in values:
            if name not in options:
                raise ConfigError(f"there is no option {name!r}; there are {', '.join(options)}")
        return replace(self, **{name: options[name].from_plain(value) for name, value in values.items()})

    def to_plain(self) -> dict[str, Any]:
        """The inverse of `with_plain`: the values of all fields as JSON has them."""
        return {option.field: to_plain(getattr(self, option.field)) for option in list_options(type(self))}


def count_bars_in_song(request: GenerationRequest, song: Song) -> GenerationRequest:
    """A request of which the bars are counted in a piece, not in the file that it was read from."""
    find = song.grid.find_bar
    rests = {
        track: [bar for number in bars if (bar := find(number)) is not None]
        for track, bars in request.rests.items()
    }
    return replace(request, rests=rests, plays={track: song.find_bars(b) for track, b in request.plays.items()})


def check_bars(n_bars: int) -> None:
    """Raise `ConfigError` for more or fewer bars than can be composed."""
    if not isinstance(n_bars, Integral) or not 1 <= n_bars <= MAX_BARS:
        raise ConfigError(f"{n_bars!r} bars cannot be composed; 1 to {MAX_BARS} are possible")

"""Settings of a model and of its training: frozen dataclasses, presets, and how they are overridden.

Order of precedence: preset < TOML file < ``--set section.field=value`` < a flag of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from musegan.errors import ConfigError
from musegan.music.control_kinds import MOST_STYLES
from musegan.schema import change_fields, read_toml

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Sizes of the composer."""

    width: int = 256  # numbers of a cell in the network over cells
    n_blocks: int = 6  # attention over time and across tracks, convolution and feed-forward
    feed_forward: int = 3  # width of the feed-forward layers, in widths
    note_size: int = 96  # numbers of a note's vector
    decoder_width: int = 256  # of the network that draws notes
    window_bars: int = 16  # bars that are composed at once
    dropout: float = 0.1
    latent_size: int = 0  # numbers of each kind of latents; the adversarial stage gives a model its own
    styles: tuple[str, ...] = ()  # style labels, taken from the dataset when training starts
    own_controls: tuple[
        str, ...
    ] = ()  # names of controls that `musegan.music.controls.register_control` was given

    def __post_init__(self) -> None:
        for name in ("n_blocks", "feed_forward", "note_size", "decoder_width"):
            _check_range(self, name, 1, 4096)
        _check_range(self, "width", 64, 4096)
        if self.width % 64:
            raise ConfigError(f"model.width is {self.width}; it must be a multiple of 64")
        _check_range(self, "window_bars", 1, 64)
        _check_range(self, "dropout", 0, 0.9)
        _check_range(self, "latent_size", 0, 64)
        if len(self.styles) > MOST_STYLES:
            raise ConfigError(
                f"model.styles are {len(self.styles)} styles; there is room for {MOST_STYLES}: prepare a dataset "
                "with fewer labels"
            )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained. Every schedule runs over windows seen, never over time."""

    n_windows: int = 400_000  # windows (of real songs) to train on; the end of the schedule
    batch_size: int = 8  # windows per iteration
    min_tracks: int = 2  # windows with fewer sounding tracks are not trained on
    learning_rate: float = 1e-3  # AdamW, on the plateau
    warm_up: int = 4_000  # windows until then
    decay_from: float = 0.6  # share of training after which the rate falls, as a cosine
    final_share: float = 0.02  # of the rate at the end
    beta2: float = 0.98  # AdamW's second moment
    weight_decay: float = 0.05  # of matrices
    ema_half_life: int = 12_000  # windows after which a weight counts half in the average
    ema_ramp: float = 0.1  # share of the windows seen that the half-life is until then; 0 is no ramp
    own_drafts: float = 0.5  # share of the windows in which some given cells are the composer's own
    in_key: float = 0.4  # share of the windows in C major or A minor; the others are in any key
    precision: Precision = "auto"  # of products; auto is bfloat16 in networks that it makes faster
    seed: int = 0  # of weights, order of data and masks
    n_held_out: int = 96  # held-out windows of each measurement
    measure_every: int = 8_000  # windows between measurements, sample files and pictures
    save_every: float = 5.0  # minutes between checkpoints

    def __post_init__(self) -> None:
        _check_choice(self, "precision", Precision)
        for name in ("n_windows", "batch_size", "n_held_out", "measure_every", "ema_half_life"):
            _check_range(self, name, 1, 10**12)
        _check_range(self, "min_tracks", 1, 64)
        _check_range(self, "warm_up", 0, 10**12)
        for name in ("learning_rate", "save_every"):
            _check_range(self, name, 1e-12, 1e6)
        for name in ("decay_from", "final_share", "beta2", "weight_decay", "ema_ramp", "in_key", "own_drafts"):
            _check_range(self, name, 0, 1)
        _check_range(self, "seed", 0, 2**63)


@dataclass(frozen=True, kw_only=True)
class PerformanceConfig:
    """The performance head and its training, a stage of its own."""

    width: int = 64  # numbers of a note in the network
    n_blocks: int = 3  # attention between the notes of a bar and feed-forward
    n_bars: int = 400_000  # bars to train on
    batch_size: int = 48  # bars per iteration
    learning_rate: float = 3e-3  # AdamW, at the start; it falls to nothing as a cosine
    seed: int = 0  # of weights, order of data and what is known

    def __post_init__(self) -> None:
        _check_range(self, "width", 16, 1024)
        if self.width % 16:
            raise ConfigError(f"performance.width is {self.width}; it must be a multiple of 16")
        for name in ("n_blocks", "n_bars", "batch_size"):
            _check_range(self, name, 1, 10**9)
        _check_range(self, "learning_rate", 1e-12, 1e6)
        _check_range(self, "seed", 0, 2**63)


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig:
    """The adversarial stage, which goes on with a trained model. Its likelihood training follows `TrainConfig`."""

    every: int = 5  # iterations; one of so many has a step of the game besides
    batch_size: int = 8  # windows of a step of the game
    n_bars: int = 4  # of these windows
    n_draws: int = 2  # of each of them, which are compared with each other
    weight: float = 1.0  # of the game's loss beside that of likelihood
    pull: float = 0.1  # reward lost for each nat by which a cell is likelier than for the model at the start
    latent_size: int = 8  # numbers of each kind of latents, for a model that has none
    from_share: float = 0.2  # of training, until which the discriminator learns alone
    width: int = 32  # numbers of a cell in the discriminator
    gamma: float = 1.0  # weight of its gradient penalties
    learning_rate: float = 1e-3  # of the discriminator: Adam

    def __post_init__(self) -> None:
        for name in ("every", "batch_size", "n_bars"):
            _check_range(self, name, 1, 10**9)
        _check_range(self, "n_draws", 2, 64)
        _check_range(self, "latent_size", 0, 64)
        _check_range(self, "width", 1, 1024)
        _check_range(self, "from_share", 0, 1)
        for name in ("weight", "pull", "gamma"):
            _check_range(self, name, 0, 1e6)
        _check_range(self, "learning_rate", 1e-12, 1e6)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything a run is made from, besides its dataset."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    performance: PerformanceConfig = field(default_factory=PerformanceConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        return cls().updated(values)

    def updated(self, values: Mapping[str, Any]) -> Config:
        """A copy with some fields changed. `values` maps sections to fields to values.

        Raises `ConfigError` for an unknown section or field (naming the nearest) or a value of the wrong type.
        """
        return change_fields(self, values, "")

    def with_settings(self, settings: list[str]) -> Config:
        """A copy changed by ``section.field=value`` strings, values read as TOML (bare words as text)."""
        config = self
        for setting in settings:
            key, equals, text = setting.partition("=")
            section, dot, name = key.strip().partition(".")
            if not equals or not dot:
                raise ConfigError(f"{setting!r} is not a setting; write it like train.learning_rate=5e-4")
            try:
                value = read_toml(f"value = {text}", setting)["value"]
            except ConfigError:
                value = text
            config = config.updated({section: {name: value}})
        return config

    def with_file(self, path: Path) -> Config:
        """A copy changed by a TOML file with a table for each section, like ``[train]``."""
        try:
            return self.updated(read_toml(path.read_text(encoding="utf-8"), "the text"))
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            raise ConfigError(f"{path} cannot be read as settings: {error}") from error


SECTIONS = tuple(item.name for item in fields(Config))


def _section_name(section: object) -> str:
    return type(section).__name__.removesuffix("Config").lower()


def _check_choice(section: object, name: str, choices: Any) -> None:
    if getattr(section, name) not in get_args(choices):
        raise ConfigError(
            f"{_section_name(section)}.{name} is {getattr(section, name)!r}; "
            f"there are {', '.join(get_args(choices))}"
        )


def _check_range(section: object, name: str, low: float, high: float) -> None:
    if not low <= getattr(section, name) <= high:
        raise ConfigError(
            f"{_section_name(section)}.{name} is {getattr(section, name)}; it must be between {low:g} and {high:g}"
        )


PRESETS: dict[str, Config] = {
    # For tests: a few seconds.
    "tiny": Config(
        model=ModelConfig(width=64, n_blocks=1, feed_forward=1, note_size=8, decoder_width=16, window_bars=4),
        train=TrainConfig(n_windows=64, batch_size=4, min_tracks=1, warm_up=8, n_held_out=8, measure_every=32),
        adversarial=AdversarialConfig(every=2, batch_size=4, n_bars=2, width=8),
    ),
    # For 2 cores: the bundled model.
    "cpu": Config(),
    # For a GPU.
    "base": Config(
        model=ModelConfig(width=384, n_blocks=8, decoder_width=384),
        train=TrainConfig(
            n_windows=2_000_000, batch_size=64, warm_up=40_000, ema_half_life=60_000, measure_every=50_000
        ),
    ),
    "large": Config(
        model=ModelConfig(width=512, n_blocks=12, decoder_width=512, note_size=128, dropout=0.15),
        train=TrainConfig(
            n_windows=5_000_000,
            batch_size=128,
            learning_rate=6e-4,
            warm_up=100_000,
            ema_half_life=120_000,
            measure_every=100_000,
        ),
    ),
    # From a trained model on a few songs: slow changes, an average that keeps much of the start.
    "finetune": Config(
        train=TrainConfig(
            n_windows=8_000,
            min_tracks=1,
            learning_rate=2e-4,
            warm_up=400,
            decay_from=0.3,
            ema_half_life=2_000,
            ema_ramp=0,
            measure_every=2_000,
        ),
    ),
}


def preset(name: str) -> Config:
    """The preset called `name`. Raises `ConfigError` naming the ones there are."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]

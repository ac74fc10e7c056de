"""Settings of a model and of its training: frozen dataclasses, presets, and how they are overridden.

Order of precedence: preset < TOML file < ``--set section.field=value`` < a flag of its own.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from musegan.errors import ConfigError

Latent = Literal["composer", "jamming", "hybrid"]
Transpose = Literal["key", "random", "none"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class CodecConfig:
    """The codec, which knows what notes look like, and how it is trained before the networks that compose."""

    latent_dim: int = 24  # numbers that a beat of a track becomes
    width: int = 160  # channels over beats
    octave_width: int = 40  # channels in which an octave of a beat is read
    n_blocks: int = 2  # residual blocks of the decoder
    n_voices: int = 12  # products of a rhythm and a choice of pitches that a beat is read out as
    n_phrases: int = 100_000  # phrases to train on at most; the end of its schedule
    learning_rate: float = 2e-3  # Adam, at the start
    final_learning_rate: float = 1e-4  # at the end of the cosine schedule
    kl_weight: float = 0.04  # of the divergence of the latents from the standard normal
    silent_rows: float = 0.05  # share of the silent tracks that are trained on
    measure_every: int = 20_000  # phrases between measurements on held-out phrases
    patience: int = 3  # measurements without a better one after which it stops

    def __post_init__(self) -> None:
        for name in ("latent_dim", "width", "octave_width", "n_blocks", "n_voices"):
            _check_range(self, name, 1, 4096)
        for name in ("n_phrases", "measure_every", "patience"):
            _check_range(self, name, 1, 10**12)
        for name in ("learning_rate", "final_learning_rate"):
            _check_range(self, name, 1e-12, 1e6)
        for name in ("kl_weight", "silent_rows"):
            _check_range(self, name, 0, 1)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Sizes of the generator and the discriminator, and what music they know."""

    latent: Latent = "hybrid"  # which latents there are: shared, private to each track, or both
    latent_dim: int = 64  # size of each latent vector
    style_dim: int = 64  # size of the vectors that modulate the networks
    width: int = 256  # channels over beats
    track_width: int = 64  # channels of each track's own stream
    n_blocks: int = 4  # residual blocks, alternately local and across bars
    n_track_blocks: int = 2  # residual blocks of each track's own stream
    phrase_bars: int = 4  # bars of the training window
    min_tracks: int = 3  # windows with fewer sounding tracks are not trained on
    transpose: Transpose = "key"  # all songs to C major or A minor; at random by -6 to 5; or as they are
    styles: tuple[str, ...] = ()  # style labels, taken from the dataset when training starts

    def __post_init__(self) -> None:
        _check_choice(self, "latent", Latent)
        _check_choice(self, "transpose", Transpose)
        for name in (
            "latent_dim",
            "style_dim",
            "width",
            "track_width",
            "n_blocks",
            "n_track_blocks",
            "min_tracks",
        ):
            _check_range(self, name, 1, 4096)
        _check_range(self, "phrase_bars", 2, 64)


@dataclass(frozen=True, kw_only=True)
class ComposerConfig:
    """Sizes of the composer."""

    width: int = 256  # numbers of a cell in the network over cells
    n_blocks: int = 6  # attention over time and across tracks, convolution and feed-forward
    feed_forward: int = 3  # width of the feed-forward layers, in widths
    note_size: int = 96  # numbers of a note's vector
    decoder_width: int = 256  # of the network that draws notes
    window_bars: int = 16  # bars that are composed at once
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("n_blocks", "feed_forward", "note_size", "decoder_width"):
            _check_range(self, name, 1, 4096)
        if self.width % 64:
            raise ConfigError(f"composer.width is {self.width}; it must be a multiple of 64")
        _check_range(self, "window_bars", 1, 64)
        _check_range(self, "dropout", 0, 0.9)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained. Every schedule runs over phrases seen, never over time."""

    n_phrases: int = 200_000  # phrases (real windows) to train on; the end of every schedule
    batch_size: int = 32  # phrases per iteration
    learning_rate: float = 5e-4  # Adam, both networks, at the start
    final_learning_rate: float = 1e-4  # at the end of the cosine schedule
    beta2: float = 0.9  # Adam's second moment at the start
    final_beta2: float = 0.99
    gamma: float = 1.0  # weight of the R1 and R2 penalties at the start
    final_gamma: float = 1.0
    warm_up: float = 0.2  # share of training that comes first, in which the generator only learns to reconstruct
    warm_up_rate: float = 2e-3  # learning rate of that, falling to a tenth
    reconstruction: float = 0.7  # how strongly it goes on to, as a share of the adversarial gradient; 0 is not
    kl_weight: float = 0.1  # of the divergence of what phrases are reconstructed from from the latents' prior
    penalty_share: float = 0.25  # of each batch that the penalties, which cost most of a step, are taken of
    ema_half_life: int = 20_000  # phrases after which a weight counts half in the average
    ema_ramp: float = 0.05  # share of the phrases seen that the half-life is until then; 0 is no ramp
    augment: float = 0.0  # chance of each change of `musegan.training.augmentation`, for few songs
    controls: float = 0.4  # weight of the loss on densities, registers, textures and grooves that were asked for
    mend: bool = False  # judge phrases as habits leave them, on the CPU: for a last stretch
    control_dropout: float = 0.2  # chance that a control is left free
    self_context: float = 0.8  # share of continuations whose given bars are the generator's own
    self_context_from: float = 0.25  # share of training after which that starts
    mask_nothing: float = 0.4  # mix of tasks: nothing given,
    mask_start: float = 0.2  # the first 1 ... bars - 1 bars,
    mask_tracks: float = 0.25  # whole tracks,
    mask_ends: float = 0.08  # the first and the last bar,
    mask_cells: float = 0.07  # cells at random
    precision: Precision = "auto"  # of products and convolutions; auto is bfloat16 where the device has it
    freeze_discriminator: bool = False  # keep the discriminator's first layers as they are (fine-tuning)
    seed: int = 0  # of weights, order of data, latents and masks
    n_samples: int = 512  # phrases composed to measure the model at each interval
    sample_every: int = 8_000  # phrases between measurements, sample files and pictures
    save_every: float = 5.0  # minutes between checkpoints

    def __post_init__(self) -> None:
        _check_choice(self, "precision", Precision)
        for name in ("n_phrases", "batch_size", "n_samples", "sample_every"):
            _check_range(self, name, 1, 10**12)
        for name in ("learning_rate", "final_learning_rate", "warm_up_rate", "save_every"):
            _check_range(self, name, 1e-12, 1e6)
        for name in ("controls", "reconstruction", "gamma", "final_gamma", "ema_half_life"):
            _check_range(self, name, 0, 1e9)
        for name in (
            "warm_up",
            "kl_weight",
            "penalty_share",
            "augment",
            "ema_ramp",
            "control_dropout",
            "self_context",
            "self_context_from",
            *MASK_MIX,
        ):
            _check_range(self, name, 0, 1)
        if sum(getattr(self, name) for name in MASK_MIX) <= 0:
            raise ConfigError("train.mask_...: at least one kind of mask needs a share above 0")


MASK_MIX = ("mask_nothing", "mask_start", "mask_tracks", "mask_ends", "mask_cells")
"""Fields of `TrainConfig` that say how often each kind of mask is trained on."""


_Section = TypeVar("_Section", ModelConfig, CodecConfig, TrainConfig)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything a run is made from, besides its dataset."""

    model: ModelConfig = field(default_factory=ModelConfig)
    codec: CodecConfig = field(default_factory=CodecConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        return cls().updated(values)

    def updated(self, values: Mapping[str, Any]) -> Config:
        """A copy with some fields changed. `values` maps sections to fields to values.

        Raises `ConfigError` for an unknown section or field (naming the nearest) or a value of the wrong type.
        """
        sections = {}
        for name, section in values.items():
            if name not in SECTIONS:
                raise ConfigError(f"there is no section {name!r}; there are {', '.join(SECTIONS)}")
            sections[name] = _update_section(getattr(self, name), section, name)
        return replace(self, **sections)

    def with_settings(self, settings: list[str]) -> Config:
        """A copy changed by ``section.field=value`` strings, values read as TOML (bare words as text)."""
        config = self
        for setting in settings:
            key, equals, text = setting.partition("=")
            section, dot, name = key.strip().partition(".")
            if not equals or not dot:
                raise ConfigError(f"{setting!r} is not a setting; write it like train.gamma=2")
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                value = text
            config = config.updated({section: {name: value}})
        return config

    def with_file(self, path: Path) -> Config:
        """A copy changed by a TOML file with the tables ``[model]``, ``[codec]`` and ``[train]``."""
        try:
            return self.updated(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path} cannot be read as settings: {error}") from error


SECTIONS = tuple(item.name for item in fields(Config))


def _update_section(section: _Section, values: Mapping[str, Any], name: str) -> _Section:
    hints = get_type_hints(type(section))
    known = [item.name for item in fields(section)]
    changes = {}
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {name}.{near[0]}?" if near else f"; {name} has {', '.join(known)}"
            raise ConfigError(f"there is no setting {name}.{key}{hint}")
        changes[key] = _convert_value(value, hints[key], f"{name}.{key}")
    return replace(section, **changes)


def _convert_value(value: Any, hint: Any, name: str) -> Any:
    if hint in (tuple[int, ...], tuple[str, ...]) and isinstance(value, (list, tuple)):
        kind = get_args(hint)[0]
        if all(type(item) is kind for item in value):
            return tuple(value)
    elif (hint is float and type(value) in (int, float)) or (hint in (int, bool) and type(value) is hint):
        return hint(value)
    elif isinstance(value, str) and (hint is str or get_args(hint)):
        return value
    wanted = "one of " + ", ".join(map(str, get_args(hint))) if get_args(hint) else getattr(hint, "__name__", hint)
    raise ConfigError(f"{name} is {value!r}; it must be {wanted}")


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


# For a GPU: ten minutes or so, twice that with a codec of its own.
_BASE = Config(
    model=ModelConfig(width=384, track_width=96, n_blocks=6),
    codec=CodecConfig(n_phrases=800_000, measure_every=100_000),
    train=TrainConfig(
        n_phrases=800_000,
        batch_size=256,
        warm_up=0.15,
        warm_up_rate=1e-3,
        ema_half_life=80_000,
        ema_ramp=0.1,
        sample_every=80_000,
    ),
)

PRESETS: dict[str, Config] = {
    # For tests: a few seconds.
    "tiny": Config(
        model=ModelConfig(latent_dim=8, style_dim=8, width=8, track_width=4, n_blocks=2, min_tracks=1),
        codec=CodecConfig(latent_dim=4, width=8, octave_width=4, n_voices=3, n_phrases=64, measure_every=32),
        train=TrainConfig(n_phrases=64, batch_size=4, n_samples=16, sample_every=32),
    ),
    # For 2 cores.
    "cpu": Config(),
    "base": _BASE,
    "large": Config(
        model=replace(_BASE.model, latent_dim=128, style_dim=128, width=512, track_width=128, n_blocks=8),
        codec=_BASE.codec,
        train=replace(
            _BASE.train,
            n_phrases=2_500_000,
            batch_size=512,
            learning_rate=3e-4,
            final_learning_rate=5e-5,
            warm_up_rate=5e-4,
            ema_half_life=250_000,
            sample_every=250_000,
        ),
    ),
    # From a trained model on a few songs: slow changes, an average that keeps much of the start.
    "finetune": Config(
        train=TrainConfig(
            n_phrases=8_000,
            learning_rate=2e-4,
            final_learning_rate=2e-4,
            gamma=10,
            final_gamma=10,
            ema_half_life=4_000,
            ema_ramp=0,
            warm_up=0,
            reconstruction=0,
            augment=0.3,
            freeze_discriminator=True,
            sample_every=2_000,
        ),
    ),
}


def preset(name: str) -> Config:
    """The preset called `name`. Raises `ConfigError` naming the ones there are."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]

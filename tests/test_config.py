import json

import pytest

from musegan.config import MASK_MIX, PRESETS, Config, preset
from musegan.errors import ConfigError


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_survive_json(name):
    config = preset(name)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_are_typed_and_later_ones_win():
    config = Config().with_settings(
        ["train.gamma=2", "model.styles=['a', 'b']", "codec.width=17", "model.transpose=random", "train.gamma=3"]
    )
    assert (config.train.gamma, config.model.styles, config.codec.width) == (3.0, ("a", "b"), 17)
    assert isinstance(config.train.gamma, float)
    assert config.model.transpose == "random"
    assert config.model.latent_dim == Config().model.latent_dim
    assert config.codec.latent_dim == Config().codec.latent_dim


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.gama=1", r"did you mean train\.gamma"),
        ("train.batch_size=2.5", "must be int"),
        ("train.batch_size=true", "must be int"),
        ("train.penalty_share=1.5", "must be between 0"),
        ("train.precision=half", "there are auto, float32, bfloat16"),
        ("model.latent=trio", "composer, jamming, hybrid"),
        ("train.gamma=-1", "must be between 0"),
        ("train.mask_nothing=1.5", "must be between 0"),
        ("model.transpose=up", "there are key, random, none"),
        ("model.styles=[3]", "must be"),
        ("model.phrase_bars=1", r"model\.phrase_bars is 1; it must be between 2"),
        ("model.widths=[8]", r"no setting model\.widths; did you mean model\.width"),
        ("train.min_tracks=2", r"no setting train\.min_tracks"),
        ("train.loss=rpgan", r"no setting train\.loss; train has"),
        ("codec.latent=5", r"did you mean codec\.latent_dim"),
        ("codec.patience=0", r"codec\.patience is 0; it must be between 1"),
        ("codec.kl_weight=1.5", "must be between 0"),
        ("optimizer.lr=1", "no section 'optimizer'; there are model, codec, train"),
        ("gamma=1", "write it like"),
        ("train.gamma", "write it like"),
    ],
)
def test_wrong_settings_are_refused_with_a_hint(setting, message):
    with pytest.raises(ConfigError, match=message):
        Config().with_settings([setting])


def test_file_settings(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nseed = 7\n[codec]\nn_voices = 5\n[model]\nwidth = 8\n")
    config = Config().with_file(path)
    assert (config.train.seed, config.codec.n_voices, config.model.width) == (7, 5, 8)
    path.write_text("[train\n")
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        Config().with_file(path)


def test_unknown_preset_lists_the_known():
    with pytest.raises(ConfigError, match="tiny, cpu, base, large, finetune"):
        preset("huge")


def test_some_mask_needs_a_share():
    nothing = [f"train.{name}=0" for name in MASK_MIX]
    with pytest.raises(ConfigError, match="at least one kind of mask"):
        Config().with_settings(nothing)

import json

import pytest

from musegan.config import PRESETS, Config, ModelConfig, preset
from musegan.errors import ConfigError
from musegan.music.spec import BAND, CHORALE, RollSpec, TrackSpec


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_fit_the_named_ensembles_and_survive_json(name):
    config = preset(name)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    config.model.check_fits(BAND)
    config.model.check_fits(CHORALE)


def test_settings_are_typed_and_later_ones_win():
    config = Config().with_settings(
        ["train.gamma=2", "model.widths=[16, 32]", "train.loss=wgan-gp", "train.gamma=3"]
    )
    assert (config.train.gamma, config.model.widths, config.train.loss) == (3.0, (16, 32), "wgan-gp")
    assert config.model.latent_dim == Config().model.latent_dim


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.gama=1", r"did you mean train\.gamma"),
        ("train.batch_size=2.5", "must be int"),
        ("train.batch_size=true", "must be int"),
        ("train.loss=hinge", "there are rpgan, wgan-gp"),
        ("model.latent=trio", "composer, jamming, hybrid"),
        ("train.gamma=-1", "must be between 0"),
        ("model.widths=[]", "one or more"),
        ("model.widths=['a']", "must be"),
        ("optimizer.lr=1", "no section"),
        ("gamma=1", "write it like"),
        ("train.gamma", "write it like"),
    ],
)
def test_wrong_settings_are_refused_with_a_hint(setting, message):
    with pytest.raises(ConfigError, match=message):
        Config().with_settings([setting])


def test_file_settings(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nseed = 7\n[model]\nwidths = [8]\n")
    config = Config().with_file(path)
    assert (config.train.seed, config.model.widths) == (7, (8,))
    path.write_text("[train\n")
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        Config().with_file(path)


def test_unknown_preset_lists_the_known():
    with pytest.raises(ConfigError, match="tiny, cpu, base, large, finetune"):
        preset("huge")


def test_patches_must_divide_beats_and_grids_must_divide_bars():
    spec = RollSpec(tracks=(TrackSpec(name="a", program=0),), steps_per_beat=6, beats_per_bar=3)
    ModelConfig(patches_per_beat=2).check_fits(spec)
    with pytest.raises(ConfigError, match="does not divide"):
        ModelConfig(patches_per_beat=4).check_fits(spec)
    with pytest.raises(ConfigError, match="fewer widths"):
        ModelConfig(widths=(8, 8)).check_fits(spec)

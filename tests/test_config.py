import json

import pytest

from musegan.config import PRESETS, Config, preset
from musegan.errors import ConfigError
from musegan.music.control_kinds import MOST_STYLES


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_survive_json(name):
    config = preset(name)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_are_typed_and_later_ones_win():
    settings = [
        "train.weight_decay=1",
        "model.styles=['a', 'b']",
        "train.precision=bfloat16",
        "model.width=192",
        " train.weight_decay = 0.5",
    ]
    config = Config().with_settings(settings)
    assert (config.model.styles, config.model.width, config.train.weight_decay) == (("a", "b"), 192, 0.5)
    assert isinstance(Config().with_settings(settings[:1]).train.weight_decay, float)
    assert config.train.precision == "bfloat16"
    assert config.train.beta2 == Config().train.beta2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.learning_rat=1", r"did you mean train\.learning_rate"),
        ("train.batch_size=2.5", "must be a whole number"),
        ("train.batch_size=true", "must be a whole number"),
        ("train.batch_size=eight", "must be a whole number"),
        ("train.batch_size=0", r"train\.batch_size is 0; it must be between 1"),
        ("train.decay_from=1.5", "must be between 0 and 1"),
        ("train.learning_rate=nan", r"train\.learning_rate is nan; it must be a number"),
        ("train.precision=half", "must be one of auto, float32, bfloat16"),
        ("train.precision=16", "must be one of auto, float32, bfloat16"),
        ("model.width=100", r"model\.width is 100; it must be a multiple of 64"),
        ("model.width=32", "must be between 64"),
        ("model.window_bars=65", r"model\.window_bars is 65"),
        ("model.styles=[3]", r"model\.styles\[0\] is 3; it must be a text"),
        ("model.styles=odd", "must be a list, each a text"),
        (
            f"model.styles={[str(n) for n in range(MOST_STYLES + 1)]}",
            f"33 styles; there is room for {MOST_STYLES}",
        ),
        ("train.loss=rpgan", r"no train\.loss; there are n_windows"),
        ("codec.width=5", "there is no codec; "),
        ("width=1", "write it like"),
        ("train.width", "write it like"),
    ],
)
def test_wrong_settings_are_refused_with_a_hint(setting, message):
    with pytest.raises(ConfigError, match=message):
        Config().with_settings([setting])


def test_file_settings(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nseed = 7\n[model]\nwidth = 128\nstyles = ['x']\n")
    config = Config().with_file(path)
    assert (config.train.seed, config.model.width, config.model.styles) == (7, 128, ("x",))
    for text in ("[train\n", "\x00", f"a = {'[' * 5000}", "[train]\nseed = " + "1" * 5000, "x = 1"):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"mine\.toml"):
            Config().with_file(path)
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        Config().with_file(tmp_path / "none.toml")


@pytest.mark.parametrize("text", ["train = 3\n", "[[model]]\nwidth = 64\n"])
def test_sections_that_are_no_tables(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml.*(train|model) is .*; it must be a table"):
        Config().with_file(path)


def test_an_unknown_preset_names_the_known():
    with pytest.raises(ConfigError, match="tiny, cpu, base, large, finetune"):
        preset("huge")

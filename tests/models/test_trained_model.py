"""What a model knows besides its weights."""

from dataclasses import replace

import numpy as np
import pytest
from songs import pieces

from musegan.models.trained_model import count_chord_tones, count_styles
from musegan.music.chords import parse_progression
from musegan.music.controls import Controls
from musegan.music.excerpts import Music


def test_windows_and_phrases(model):
    assert (model.window_bars, model.phrase_bars) == (4, 1)
    for window, phrase in ((16, 4), (3, 1), (1, 1)):
        config = replace(model.config, model=replace(model.config.model, window_bars=window))
        assert replace(model, config=config).phrase_bars == phrase


def test_chord_tones_count_by_beat_and_the_lowest_twice(model):
    tones, bass = parse_progression("C/E | G N.C.", 4)
    controls = Controls.measure(Music.from_rolls(pieces([]), model.spec))
    counts = count_chord_tones(controls.replace(chords=np.stack([tones, bass], axis=-1)[None]))
    # C E G over E for four beats, G B D over G for two, nothing for two
    assert counts[0].tolist() == [4, 0, 2, 0, 8, 0, 0, 8, 0, 0, 0, 2]


def test_usual_densities_are_means_of_the_bars_with_notes(model):
    density = np.zeros((2, 3, 4), np.float32)
    density[0, 0] = 4, 0, 2, 0
    density[1, 0, 3] = 6
    density[:, 2] = 5
    own = replace(model, prior=model.prior.replace(density=density))
    assert own.usual_densities.tolist() == [4, 0, 5]


@pytest.mark.parametrize(("n_sections", "n_pop", "offered"), [(100, 1, True), (101, 1, False), (4, 0, False)])
def test_styles_of_less_than_a_hundredth_are_not_offered(n_sections, n_pop, offered):
    styles = np.full(n_sections, -1)
    styles[:n_pop] = 1
    assert count_styles(("rock", "pop"), styles) == ({"pop": n_pop} if offered else {})

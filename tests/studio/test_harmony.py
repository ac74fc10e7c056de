"""Chords and sections are changed one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.studio import editing
from musegan.studio.harmony import change_chord, list_chords, name_sections, repeat_section, suggest_chords
from musegan.studio.state import State, StudioSettings


@pytest.fixture
def state(model):
    """Four bars of chords: C, C again, F, and half a bar of G before Am. Sixteen steps a bar."""
    bars = [((0, 16), (60, 64, 67)), ((16, 16), (60, 64, 67)), ((32, 16), (53, 57, 60)), ((48, 8), (55, 59, 62))]
    bars.append(((56, 8), (57, 60, 64)))
    notes = [(1, *time, pitch) for time, pitches in bars for pitch in pitches]
    state = editing.edit_notes(model, State.empty(model, 4), [], notes)
    return replace(state, piece=replace(state.piece, sections=((0, "Verse"), (3, "Chorus"))))


def test_the_chords_of_each_bar_are_read(state):
    assert list_chords(state.piece) == [["C"], ["C"], ["F"], ["G", "Am"]]


def test_one_chord_is_changed_and_the_others_are_asked_for_as_they_are(state):
    changed = change_chord(state, 2, "Dm7")
    assert changed.settings.progression == "| C | C | Dm7 | G Am |"
    assert change_chord(changed, 0, "Am F").settings.progression == "| Am F | C | Dm7 | G Am |"
    asked = replace(state, settings=StudioSettings(progression="C Am"))
    assert change_chord(asked, 3, "G").settings.progression == "| C | Am | C | G |"
    with pytest.raises(ConfigError, match="'X' is not a chord"):
        change_chord(state, 1, "X")
    with pytest.raises(ConfigError, match="no bar 5"):
        change_chord(state, 4, "C")


def test_chords_at_home_in_a_key_are_suggested():
    assert suggest_chords(Key(0))[:6] == ["C", "F", "G", "Am", "Dm", "Em"]
    assert suggest_chords(Key(9, True))[:4] == ["Am", "Dm", "Em", "F"]
    assert suggest_chords(Key(3))[:3] == ["Eb", "Ab", "Bb"]
    assert suggest_chords(None) == suggest_chords(Key(0))


def test_sections_are_named(state):
    named = name_sections(state, [[2, " Bridge "], [0, ""]])
    assert named.piece.sections == ((0, "section"), (2, "Bridge"))
    for wrong in ([[4, "A"]], [["0", "A"]], [[0]]):
        with pytest.raises(ConfigError):
            name_sections(state, wrong)


def test_a_section_comes_back_as_it_is_and_is_kept(model, state):
    again = repeat_section(model, state, 0, is_varied=False)
    assert again.n_bars == again.settings.n_bars == 7
    assert np.array_equal(again.piece.roll[:, 4:], state.piece.roll[:, :3])
    assert again.kept[:, 4:].all()
    assert again.piece.sections == ((0, "Verse"), (3, "Chorus"), (4, "Verse"))
    last = repeat_section(model, again, 3, is_varied=False)
    assert np.array_equal(last.piece.roll[:, 7:], state.piece.roll[:, 3:])
    with pytest.raises(ConfigError, match="no section begins in bar 2"):
        repeat_section(model, state, 1, is_varied=False)


def test_a_section_comes_back_varied_and_is_free(model, state):
    varied = repeat_section(model, state, 0, is_varied=True)
    assert np.array_equal(varied.piece.roll[:, :4], state.piece.roll)
    same = (varied.piece.roll[:, 4:] == state.piece.roll[:, :3]).all((2, 3))
    assert 0 < (~same).sum() <= 3  # a third of nine cells
    assert not varied.kept[:, 4:].any()

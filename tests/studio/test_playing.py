"""Velocities: of the file, set by hand, or drawn by the feel of the piece."""

from __future__ import annotations

import json
from dataclasses import replace

import mido
import numpy as np
import pytest

from musegan.errors import ConfigError
from musegan.midi.song import read
from musegan.studio import editing, operations
from musegan.studio.import_export import export_midi, open_song
from musegan.studio.playing import forget_lost_velocities, play_state
from musegan.studio.state import Source, State, StudioSettings


@pytest.fixture
def state(model):
    """Two bars: three keys, the second set to 31; a bass."""
    notes = [(1, 0, 4, 60), (1, 4, 4, 62, 31), (1, 20, 3, 64), (2, 0, 8, 40)]
    return editing.edit_notes(model, State.empty(model, 2), [], notes)


def read_velocities(midi, tmp_path):
    """Velocity by pitch in a MIDI file."""
    (tmp_path / "a.mid").write_bytes(midi)
    events = [event for event in mido.MidiFile(tmp_path / "a.mid") if event.type == "note_on" and event.velocity]
    return {event.note: event.velocity for event in events}


def test_a_velocity_that_was_set_is_played_whatever_the_feel(state, tmp_path):
    flat = replace(state, settings=StudioSettings(humanize=0.0, n_bars=2))
    assert play_state(flat, None).list_velocities() == [90, 31, 90, 90]
    assert read_velocities(export_midi(flat, None), tmp_path) == {60: 90, 62: 31, 64: 90, 40: 90}
    assert play_state(state, None).list_velocities()[1] == 31
    assert play_state(state, None) is play_state(state, None)


def test_velocities_are_stored_and_checked(model, state):
    again = State.from_dict(json.loads(json.dumps(state.to_dict())), model)
    assert again.velocities == {(1, 4, 62): 31}
    with pytest.raises(ConfigError, match="outside 1 to 127"):
        State.from_dict({**state.to_dict(), "velocities": [[1, 4, 62, 128]]}, model)
    for velocity in (0, 128):
        with pytest.raises(ConfigError, match="a velocity is 1 to 127"):
            editing.edit_notes(model, state, [], [(1, 0, 4, 60, velocity)])


def test_a_moved_note_takes_its_velocity_along_and_others_keep_theirs(model, state):
    moved = editing.edit_notes(model, state, [(1, 4, 62)], [(1, 8, 4, 62, 31), (1, 12, 2, 65, 77)])
    assert moved.velocities == {(1, 8, 62): 31, (1, 12, 65): 77}
    assert editing.edit_notes(model, moved, [(1, 8, 62)], []).velocities == {(1, 12, 65): 77}


def test_velocities_go_with_what_is_composed_anew(model, state):
    assert forget_lost_velocities(state) is state
    free = editing.mark_cells(state, [[1, 0]], "free", model.spec.track_names)
    assert forget_lost_velocities(free).velocities == {(1, 4, 62): 31}  # the note is still the user's
    assert forget_lost_velocities(operations.fill_free_cells(model, free)).velocities == {}


def test_what_is_kept_of_a_file_is_as_loud_as_there(model, tmp_path):
    source = tmp_path / "song.mid"
    file = mido.MidiFile(ticks_per_beat=480)
    keys = mido.MidiTrack([mido.MetaMessage("track_name", name="keys")])
    for pitch, velocity in ((60, 20), (64, 101), (67, 55)):
        keys.append(mido.Message("note_on", note=pitch, velocity=velocity, time=0))
        keys.append(mido.Message("note_off", note=pitch, time=1920))
    file.tracks.append(keys)
    file.save(source)
    song = read(source, model.spec)
    opened = open_song(model, song, Source(copy="x.mid", name="song.mid"), State.empty(model))
    track = int(np.flatnonzero(opened.piece.roll.any((1, 2, 3)))[0])
    assert play_state(opened, song).list_velocities() == [20, 101, 55]
    changed = editing.edit_notes(model, opened, [(track, 0, 60)], [(track, 0, 8, 60)], song)
    assert changed.velocities == {}  # its own is the feel's from now on
    steps = model.spec.steps_per_bar
    changed = editing.edit_notes(
        model, opened, [(track, steps, 64)], [(track, steps, 8, 64, 9), (track, steps + 8, 8, 64)], song
    )
    assert changed.velocities == {(track, steps, 64): 9}
    assert play_state(changed, song).list_velocities()[:2] == [20, 9]
    changed = editing.edit_notes(model, opened, [], [(track, 8, 8, 67)], song)
    assert changed.velocities == {(track, 0, 60): 20}
    assert read_velocities(export_midi(changed, song), tmp_path)[60] == 20

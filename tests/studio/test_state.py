"""States and what can be done to them, counted by hand."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest

from musegan.errors import ConfigError, MuseganError
from musegan.music.pianoroll import roll_to_notes
from musegan.studio import editing, operations
from musegan.studio.project import Project
from musegan.studio.state import State, StudioSettings


@pytest.fixture
def state(model):
    """Five bars, composed."""
    return operations.compose(model, replace(State.empty(model), settings=StudioSettings(seed=4, n_bars=5)))


def cells(state):
    """The music of every cell, to compare."""
    return {(t, b): state.piece.roll[t, b].tobytes() for t in range(3) for b in range(state.n_bars)}


def changed_cells(before, after):
    old, new = cells(before), cells(after)
    return {cell for cell in old if old[cell] != new[cell]}


def test_wishes_are_checked_and_told():
    changes = {"tempo_qpm": 96, "density": {"bass": 2, "keys": 1}, "rests": {"keys": [0, 3]}, "key": "F# minor"}
    settings = StudioSettings().with_plain({**changes, "knobs": {"busier": -1.5, "higher": 0}, "passes": 7})
    request = settings.request(("drums", "keys", "bass"), 3)
    assert (request.tempo_qpm, request.density, request.rests) == (96, {"bass": 2}, {"keys": [0]})
    assert (str(request.key), request.knobs, request.passes) == ("F# minor", {"busier": -1.5}, 7)
    assert settings.to_plain()["key"] == "F# minor"
    assert settings.with_plain({"key": ""}).key is None
    for values, message in [
        ({"tempo_qpm": 2}, "tempo is 2; 4 to 1000 are possible"),
        ({"what": 1}, "no option 'what'"),
        ({"key": "H"}, "not a key"),
        ({"key": 3}, "key is 3"),
        ({"seed": True}, "seed is True"),
        ({"seed": -1}, "seed is -1"),
        ({"n_bars": 4.5}, "^bars is 4.5; it must be a whole number"),
        ({"density": {"bass": float("nan")}}, "density"),
        ({"rests": {"bass": [-1]}}, "rest"),
        ({"out": "bass"}, "out"),
        ({"snap": "yes"}, "snap"),
        ({"knobs": {"busier": 4.5}}, "knob is"),
    ]:
        with pytest.raises(ConfigError, match=message):
            StudioSettings().with_plain(values)


def test_a_state_is_the_same_after_json(model, state):
    import json

    state = editing.edit_notes(model, state, [], [(1, 3, 7, 45)])
    again = State.from_dict(json.loads(json.dumps(state.to_dict())), model)
    assert np.array_equal(again.piece.roll, state.piece.roll)
    assert again.to_dict() == state.to_dict()
    assert (again.piece.tempo_qpm, again.piece.key, again.piece.seed) == (120.0, state.piece.key, 4)


def test_what_is_composed_from_nothing_is_what_the_model_generates(model, state):
    assert np.array_equal(state.piece.roll, model.generate(5, seed=4).roll)
    assert not state.kept.any()


def test_only_free_cells_change(model, state):
    kept = editing.mark_cells(state, [(0, bar) for bar in range(5)] + [(1, 2)], "keep", model.spec.track_names)
    other = operations.compose(model, replace(kept, settings=replace(kept.settings, seed=9)))
    assert changed_cells(state, other)
    assert not {(0, bar) for bar in range(5)} & changed_cells(state, other)
    assert (1, 2) not in changed_cells(state, other)
    with pytest.raises(ConfigError, match="free those"):
        operations.compose(model, replace(kept, kept=np.ones_like(kept.kept)))


def test_infilled_cells_are_those_of_the_command(model, state):
    """The bass in bars 3 and 4 anew: the same as `infill`, bit for bit."""
    kept = replace(state, kept=np.ones_like(state.kept), settings=replace(state.settings, seed=9))
    freed = editing.mark_cells(kept, [(2, 2), (2, 3)], "free", model.spec.track_names)
    request = freed.settings.request(model.spec.track_names, 5)
    expected = model.infill(state.piece, range(2, 4), ["bass"], request=request)
    assert np.array_equal(operations.compose(model, freed).piece.roll, expected.roll)


def test_a_sketch_is_what_few_passes_make(model, state):
    settings = replace(state.settings, passes=9, best_of=3)
    for kept in ([], [(1, 2)]):
        marked = editing.mark_cells(state, kept, "keep", model.spec.track_names)
        few = replace(marked, settings=replace(settings, passes=4, best_of=1))
        sketch = operations.compose(model, replace(marked, settings=settings), sketch=True)
        assert np.array_equal(sketch.piece.roll, operations.compose(model, few).piece.roll)


def test_rests_are_marked_and_kept_silent(model, state):
    resting = editing.mark_cells(state, [(2, 1), (2, 3)], "rest", model.spec.track_names)
    assert resting.settings.rests == {"bass": (1, 3)}
    assert editing.mark_cells(resting, [(2, 1)], "free", model.spec.track_names).settings.rests == {"bass": (3,)}
    assert not operations.compose(model, resting).piece.roll[2, [1, 3]].any()


def test_edited_cells_are_the_users_and_kept(model, state):
    empty = State.empty(model, 3)
    # Sixteen steps a bar: a note of seven steps from step 13 lies in bars 1 and 2.
    drawn = editing.edit_notes(model, empty, [], [(1, 13, 7, 45), (0, 33, 9, 36)])
    notes = roll_to_notes(drawn.piece.roll, model.spec)
    assert [tuple(note)[:4] for note in notes.tolist()] == [(0, 33, 1, 36), (1, 13, 7, 45)]
    assert np.argwhere(drawn.kept).tolist() == [[0, 2], [1, 0], [1, 1]]
    assert np.array_equal(drawn.own, drawn.kept)
    moved = editing.edit_notes(model, drawn, [(1, 13, 45)], [(1, 40, 2, 47)])
    assert [tuple(note)[:4] for note in roll_to_notes(moved.piece.roll, model.spec).tolist()][1] == (1, 40, 2, 47)
    assert np.argwhere(moved.kept[1]).ravel().tolist() == [0, 1, 2]
    for note in [(3, 0, 1, 45), (1, 48, 1, 45), (1, 0, 1, 29), (1, 0, 0, 45), (1, 0, 1), (1, 0.5, 1, 45)]:
        with pytest.raises(ConfigError):
            editing.edit_notes(model, empty, [], [note])


def test_continue_keeps_what_was_there(model, state):
    longer = operations.continue_(model, state, 3)
    assert longer.n_bars == longer.settings.n_bars == 8
    assert longer.kept[:, :5].all()
    assert not longer.kept[:, 5:].any()
    assert np.array_equal(longer.piece.roll[:, :5], state.piece.roll)
    with pytest.raises(ConfigError, match="512 bars"):
        operations.continue_(model, state, 508)


def test_bars_are_cut_and_added(model, state):
    short = editing.resize_piece(state, 2)
    assert short.n_bars == short.settings.n_bars == 2
    assert short.kept.shape == (3, 2)
    longer = editing.resize_piece(state, 7)
    assert np.array_equal(longer.piece.roll[:, :5], state.piece.roll)
    assert not longer.piece.roll[:, 5:].any()


def test_variations_are_the_next_seeds_and_steps_between_them_lead_over(model, state):
    (found,) = operations.compose_variations(model, state, 3)
    assert [item.settings.seed for item in found] == [5, 6, 7]
    assert likeness(found[1], model.generate(5, seed=6)) > 0.98
    between = operations.interpolate(model, found[0], found[2], 4)
    assert len(between) == 4
    assert all(item.n_bars == 5 for item in between)


def test_what_is_taken_from_the_strip_is_what_the_model_composes_for_its_seed(model, state):
    (found,) = operations.compose_variations(model, state, 2)
    request = found[1].settings.request(model.spec.track_names, 5)
    assert request.seed == 6
    expected = model.generate(5, request=request)
    taken = operations.take_variation(model, state, found[1])
    assert np.array_equal(taken.piece.roll, expected.roll)
    steps = operations.interpolate(model, state, found[1], 4)
    assert operations.take_variation(model, state, steps[2]).piece.roll.tobytes() == steps[2].piece.roll.tobytes()


def test_what_was_kept_since_then_stays_when_a_variation_is_taken(model, state):
    """A note drawn into the second bar of the bass, and bar 4 of the drums, after the strip was made."""
    (found,) = operations.compose_variations(model, state, 2)
    now = editing.mark_cells(state, [(0, 3)], "keep", model.spec.track_names)
    now = editing.edit_notes(model, now, [], [(2, 17, 3, 45)])
    taken = operations.take_variation(model, now, found[0])
    assert not {(0, 3), (2, 1)} & changed_cells(now, taken)
    assert changed_cells(now, taken)
    assert (taken.kept == now.kept).all()
    assert taken.own[2].tolist() == [False, True, False, False, False]
    one = operations.take_variation(model, now, found[1], ["bass"])
    assert {track for track, _ in changed_cells(now, one)} == {2}
    assert (2, 1) not in changed_cells(now, one)
    longer = editing.resize_piece(now, 7)
    with pytest.raises(ConfigError, match="5 bars, the piece has 7"):
        operations.take_variation(model, longer, found[0])


def test_cards_of_another_piece_are_told_apart(model, state):
    (found,) = operations.compose_variations(model, state, 2)
    assert operations.is_variation_of(found[0], state)
    assert not operations.is_variation_of(found[0], replace(state, song="another"))
    assert not operations.is_variation_of(found[0], replace(state, settings=StudioSettings(n_bars=7)))


def test_bars_that_would_be_lost_are_found(model):
    empty = State.empty(model, 6)
    drawn = editing.edit_notes(model, empty, [], [(1, 35, 2, 45), (2, 66, 2, 45)])  # sixteen steps a bar
    assert editing.find_lost_bars(drawn, 2) == [2, 4]
    assert editing.find_lost_bars(drawn, 3) == [4]
    assert editing.find_lost_bars(drawn, 5) == editing.find_lost_bars(drawn, 9) == []


def test_variations_of_free_cells_come_in_one_batch_and_leave_the_rest(model, state):
    kept = editing.mark_cells(state, [(0, bar) for bar in range(5)] + [(1, 2)], "keep", model.spec.track_names)
    kept = replace(kept, settings=replace(kept.settings, out=("bass",)))
    (found,) = operations.compose_variations(model, kept, 2)
    alone = operations.compose(model, replace(kept, settings=replace(kept.settings, seed=6)))
    assert likeness(found[1], alone.piece) > 0.98
    assert not found[1].piece.roll[2].any()
    assert not np.array_equal(found[0].piece.roll[1], found[1].piece.roll[1])
    assert not ({(0, bar) for bar in range(5)} | {(1, 2)}) & changed_cells(kept, found[1])
    with pytest.raises(ConfigError, match="free those"):
        list(operations.compose_variations(model, replace(kept, kept=np.ones_like(kept.kept)), 2))


def test_variations_with_drafts_or_a_form_come_one_by_one(model, state):
    settings = replace(state.settings, form="AB", n_bars=4)
    found = list(operations.compose_variations(model, replace(state, settings=settings), 2))
    assert [len(ready) for ready in found] == [1, 1]
    assert np.array_equal(found[1][0].piece.roll, model.generate(4, form="AB", seed=6).roll)


def likeness(state, piece):
    """Share of the steps and pitches that sound in either that sound in both."""
    a, b = state.piece.roll > 0, piece.roll > 0
    return (a & b).sum() / max((a | b).sum(), 1)


def test_vary_changes_free_cells_of_tracks_that_are_partly_kept(model, state):
    cells = [(0, bar) for bar in range(5)] + [(1, 0), (1, 1), (2, 4)]
    kept = editing.mark_cells(state, cells, "keep", model.spec.track_names)
    varied = operations.vary(model, replace(kept, settings=replace(kept.settings, seed=9)), 0.5)
    assert (~varied.piece.given).sum() == 4  # of seven that are free, rounded to even
    assert varied.piece.given[tuple(zip(*cells, strict=True))].all()
    assert changed_cells(kept, varied) <= {(t, b) for t in range(3) for b in range(5)} - set(cells)
    assert np.array_equal(varied.kept, kept.kept)
    with pytest.raises(ConfigError, match="free some"):
        operations.vary(model, replace(kept, kept=np.ones_like(kept.kept)), 0.5)


def test_vary_of_free_tracks_is_that_of_the_command(model, state):
    kept = editing.mark_cells(state, [(0, bar) for bar in range(5)], "keep", model.spec.track_names)
    expected = model.vary(
        state.piece, 0.3, ["keys", "bass"], request=kept.settings.request(model.spec.track_names, 5)
    )
    assert np.array_equal(operations.vary(model, kept, 0.3).piece.roll, expected.roll)


def test_history_goes_back_to_the_first_state_and_survives(model, tmp_path):
    project = Project.load(tmp_path, model)
    for pitch in (40, 41, 42):
        project.push(editing.edit_notes(model, project.state, [], [(1, 0, 4, pitch)]))
    project.save()
    assert Project.load(tmp_path, model).state.to_dict() == project.state.to_dict()
    for _ in range(5):
        project.undo()
    assert not project.state.piece.roll.any()
    project.redo()
    assert len(roll_to_notes(project.state.piece.roll, model.spec)) == 1
    project.save()
    project = Project.load(tmp_path, model)
    assert (project.position, len(project.packed), project.next_label()) == (1, 4, "edit notes")
    project.push(editing.edit_notes(model, project.state, [], [(2, 0, 4, 50)]))
    assert len(project.packed) == 5  # a branch: what was undone is there
    project.undo()
    project.redo()
    assert project.position == 4
    project.show(3)
    project.undo()
    project.undo()
    project.redo()
    assert project.position == 2  # the branch that was shown last


def test_one_gesture_is_one_step_of_undo(model, tmp_path):
    project = Project.load(tmp_path, model)
    for value in (1.1, 1.2, 1.3):
        settings = project.state.settings.with_plain({"temperature": value})
        project.push(replace(project.state, settings=settings), "turn")
    project.push(replace(project.state, settings=StudioSettings(temperature=2.0)), "another turn")
    project.undo()
    assert project.state.settings.temperature == 1.3
    project.undo()
    assert project.state.settings.temperature == 1.0


def packed(values):
    return base64.b64encode(zlib.compress(json.dumps(values).encode())).decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"states": None}, "project.states is None; it must be a list"),
        ({"states": []}, "project.position is 0; there are 0 states"),
        ({"states": [7]}, r"project.states\[0\] is 7"),
        ({"states": ["AAAA"]}, "a state of the project is damaged"),
        ({"states": [packed([])]}, "a state of the project is no table"),
        ({"position": -1}, "project.position is -1"),
        ({"position": 1.5}, "project.position is 1.5"),
        ({"position": None}, "project.position is None"),
        ({"format": "musegan studio 0"}, "its format is 'musegan studio 0'"),
        ({"extra": 1}, "there is no project.extra"),
    ],
)
def test_a_damaged_project_is_refused_and_left_as_it_is(model, tmp_path, change, says):
    project = Project.load(tmp_path, model)
    project.save()
    text = json.dumps({**json.loads(project.path.read_text()), **change})
    project.path.write_text(text)
    with pytest.raises(MuseganError, match="move it away") as caught:
        Project.load(tmp_path, model)
    assert re.search(says, str(caught.value))
    assert project.path.name in str(caught.value)
    assert project.path.read_text() == text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_bars": 0}, "state.n_bars is 0"),
        ({"n_bars": 10**9}, "state.n_bars is 1000000000"),
        ({"n_bars": "8"}, "state.n_bars is '8'"),
        ({"notes": [[9], [0], [1], [40]]}, "state.notes has a track outside 0 to 2"),
        ({"notes": [[0], [10**9], [1], [40]]}, "state.notes has a start outside"),
        ({"notes": [[0], [0, 1], [1], [40]]}, "columns of different lengths"),
        ({"notes": [[0], [0]]}, "state.notes is"),
        ({"tempo": 10**400}, "state.tempo is 1000"),
        ({"tempo": 0}, "the tempo is 0"),
        ({"key": 5}, "state.key is 5"),
        ({"key": "H"}, "H"),
        ({"sections": [[99, "A"]]}, "section"),
        ({"seed": -1}, "the seed is -1"),
        ({"kept": [[1]]}, "state.kept is made for another"),
        ({"asked": {"seed": -1}}, "seed is -1"),
        ({"asked": []}, "state.asked is"),
        ({"source": {"copy": 1}}, "state.source.copy is 1"),
        ({"mixer": {"drums": {"mute": "yes"}}}, "state.mixer.drums.mute is 'yes'"),
        ({"label": None}, "state.label is None"),
    ],
)
def test_a_state_that_does_not_fit_says_where(model, state, change, says):
    values = json.loads(json.dumps(state.to_dict()))
    assert State.from_dict(values, model).to_dict() == state.to_dict()
    with pytest.raises(ConfigError) as caught:
        State.from_dict({**values, **change}, model)
    assert says in str(caught.value)


def test_a_damaged_state_before_the_shown_one_is_told_when_it_is_asked_for(model, tmp_path):
    project = Project.load(tmp_path, model)
    project.push(editing.edit_notes(model, project.state, [], [(1, 0, 4, 40)]))
    project.packed[0] = packed({"n_bars": 3})
    with pytest.raises(MuseganError, match=r"state.* is missing"):
        project.undo()
    assert project.position == 1

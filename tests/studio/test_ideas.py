"""Songs are listed, and ideas are a tree that any branch of is taken from."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from musegan.errors import MuseganError
from musegan.studio import editing
from musegan.studio import project as module
from musegan.studio.ideas import list_ideas, list_songs
from musegan.studio.project import Project
from musegan.studio.state import State


def draw(model, project, pitch, **changes):
    project.push(replace(editing.edit_notes(model, project.state, [], [(1, 0, 4, pitch)]), **changes))


@pytest.fixture
def project(model, tmp_path):
    """Two notes, one taken back, two others in its place; then a lock, which changes no note; then a new song."""
    project = Project.load(tmp_path, model)
    draw(model, project, 50, title="First")  # 1
    draw(model, project, 52)  # 2
    project.undo()
    draw(model, project, 55)  # 3, made from 1
    locked = editing.mark_cells(project.state, [(0, 0)], "keep", model.spec.track_names)
    project.push(locked)  # 4
    project.push(replace(State.empty(model, 4), song="b", title="Second"))  # 5
    draw(model, project, 60)  # 6
    return project


def test_songs_are_listed_the_last_first_and_opened(project):
    songs = list_songs(project)
    assert [(song["title"], song["index"], song["is_shown"]) for song in songs] == [
        ("Second", 6, True),
        ("First", 4, False),
    ]
    project.show(4)
    assert project.state.title == "First"
    assert [song["is_shown"] for song in list_songs(project)] == [False, True]


def test_undo_goes_across_songs(project):
    for _ in range(2):
        project.undo()
    assert (project.position, project.state.song) == (4, "")


def test_ideas_are_the_states_with_other_notes_by_branches(project):
    project.show(4)
    ideas = list_ideas(project)
    assert [(idea["index"], idea["parent"], idea["is_shown"]) for idea in ideas] == [
        (1, None, False),
        (2, 1, False),
        (3, 1, True),
    ]
    assert [note[3] for note in ideas[2]["notes"]] == [50, 55]


def test_the_tree_survives_and_old_files_are_a_line(project, model, tmp_path):
    project.save()
    again = Project.load(tmp_path, model)
    assert again.parents == project.parents == [-1, 0, 1, 1, 3, 4, 5]
    values = json.loads(project.path.read_text())
    del values["parents"]
    project.path.write_text(json.dumps(values))
    assert Project.load(tmp_path, model).parents == [-1, 0, 1, 2, 3, 4, 5]
    project.path.write_text(json.dumps({**values, "parents": [-1, 1]}))
    with pytest.raises(MuseganError, match="2 items for 7 states"):
        Project.load(tmp_path, model)


def test_what_is_forgotten_leaves_the_rest_together(project, monkeypatch, model):
    sizes = [len(packed) for packed in project.packed]
    monkeypatch.setattr(module, "MOST_BYTES", sum(sizes) - sizes[1])
    draw(model, project, 62)
    assert project.position == len(project.packed) - 1
    assert all(-1 <= parent < index for index, parent in enumerate(project.parents))
    assert project.state.title == "Second"
    project.undo()
    assert project.state.title == "Second"

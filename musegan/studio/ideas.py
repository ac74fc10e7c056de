"""What the history of a project is shown as: a list of its songs, and a tree of ideas of the one that is shown."""

from __future__ import annotations

from typing import Any

from musegan.studio.project import Project

_MOST_IDEAS = 80  # that are shown, the newest


def list_songs(project: Project) -> list[dict[str, Any]]:
    """The songs of a project, those worked on last first: of each its ``title``, the ``index`` of its last state,
    and whether it is shown."""
    newest: dict[str, dict[str, Any]] = {}
    for index, values in enumerate(project.list_plain()):
        song = str(values.get("song", ""))
        if values["notes"][0] or song == project.state.song:
            newest.pop(song, None)
            newest[song] = {
                "index": index,
                "title": _title_of(values),
                "n_bars": values["n_bars"],
                "key": values["key"],
                "is_shown": song == project.state.song,
            }
    return list(newest.values())[::-1]


def list_ideas(project: Project) -> list[dict[str, Any]]:
    """The states of the song that is shown in which the notes are others than before: ``index``, the ``parent``
    among them (None for a first one), ``label``, notes, and whether it is the one that is shown."""
    plain, song = project.list_plain(), project.state.song
    shown_as: dict[int, int | None] = {}  # the idea that each state shows
    ideas: dict[int, dict[str, Any]] = {}
    for index, values in enumerate(plain):
        parent = project.parents[index]
        above = shown_as.get(parent)
        if str(values.get("song", "")) != song:
            shown_as[index] = None
        elif not values["notes"][0] or (above is not None and plain[above]["notes"] == values["notes"]):
            shown_as[index] = above
        else:
            shown_as[index] = index
            ideas[index] = {
                "index": index,
                "parent": above,
                "label": _label_of(values),
                "n_bars": values["n_bars"],
                "notes": [list(note) for note in zip(*values["notes"], strict=True)],
            }
    kept = sorted(ideas)[-_MOST_IDEAS:]
    now = shown_as[project.position]
    return [
        {
            **ideas[index],
            "parent": ideas[index]["parent"] if ideas[index]["parent"] in kept else None,
            "is_shown": index == now,
        }
        for index in kept
    ]


def _label_of(values: dict[str, Any]) -> str:
    """What an idea is called: by its seed where it was composed, or else by what was done."""
    is_composed = values["label"] in ("compose", "another")
    return f"idea {values['asked']['seed']}" if is_composed else str(values["label"])


def _title_of(values: dict[str, Any]) -> str:
    source = values.get("source")
    return str(values.get("title") or (source["name"] if source else "") or "untitled")

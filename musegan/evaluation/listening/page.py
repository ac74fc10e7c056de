"""A listening test as one static page: clips of several sources, whose names and seeds it does not hold.

What is rated, and the layout, are those of MIREX 2025, Symbolic Music Generation: every page of the test has one
clip of each source; the order of the pages, and of the clips in each, is drawn for every listener. The key says
what each clip is; it is a file beside the folder.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musegan.corpus.dataset import Dataset
from musegan.errors import DatasetError
from musegan.evaluation.candidates import BATCH, OnProgress, spread_over_songs
from musegan.files import atomic_write, refuse_overwrite
from musegan.music.note_table import keep_notes
from musegan.music.piece import Piece
from musegan.render.audio import write_audio

if TYPE_CHECKING:
    from musegan.composing.model import Model

FORMAT = "musegan listening key 1"
REAL = "real"
"""The name of real songs among the sources."""

QUESTIONS: Mapping[str, str] = {
    "coherence": "Do the parts fit each other?",
    "structure": "Is it built of phrases that belong together?",
    "creativity": "Does it have ideas that hold your interest?",
    "musicality": "How good is it as music?",
}
"""What is rated from 1 to 5, and how it is asked."""

_MIN_TRACKS = 3  # that sound in a real piece
_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What a clip is."""

    source: str  # the name of a model, or `REAL`
    page: int  # of the test, from 0
    seed: int | None = None  # of a composed clip
    song: str | None = None  # of a real one


@dataclass(frozen=True, kw_only=True)
class Key:
    """What the clips of a test are: the file that listeners do not get."""

    format: str
    test: str  # a random name, which the answers repeat
    sources: tuple[str, ...]
    n_bars: int
    clips: dict[str, Clip]  # by the name of their files


def write_test(
    models: Mapping[str, Model],
    songs: Dataset,
    folder: Path,
    *,
    n_pages: int = 8,
    n_bars: int = 16,
    seed: int = 0,
    force: bool = False,
    progress: OnProgress = lambda stage, share: None,
) -> Path:
    """Write the page to ``folder/index.html``, its sound to ``folder/clips``, and the key beside the folder.

    Composed pieces have the seeds ``seed ... seed + n_pages - 1``; real ones are of songs that are held out, one a
    song where there are so many. All are played with the feel of `songs`, each at its own tempo.

    Returns
    -------
    The path of the key. Raises `ConfigError` when a model is for another ensemble, `DatasetError` when there are
    too few real pieces, `MuseganError` when a file exists and `force` is off.
    """
    key_path = folder.parent / f"{folder.name}-key.json"
    for path in (folder / "index.html", key_path):
        refuse_overwrite(path, force)
    for name, model in models.items():
        songs.spec.require_same(model.spec, str(songs.path), name)
    found = {REAL: _draw_real_pieces(songs, n_pages, n_bars, seed)}
    for name, model in models.items():
        progress(f"{name}: composing", 0.0)
        found[name] = _compose_pieces(model, name, n_pages, n_bars, seed)
    for old in (folder / "clips").glob("*.ogg"):
        old.unlink()
    clips: dict[str, Clip] = {}
    pages: list[list[str]] = [[] for _ in range(n_pages)]
    for source, pieces in found.items():
        for clip, piece in pieces:
            progress(f"{source}: rendering sound", clip.page / n_pages)
            name = secrets.token_hex(8)
            write_audio(replace(piece, feel=songs.feel), folder / "clips" / f"{name}.ogg")
            clips[name] = clip
            pages[clip.page].append(name)
    key = Key(format=FORMAT, test=secrets.token_hex(8), sources=tuple(found), n_bars=n_bars, clips=clips)
    _write_text(key_path, json.dumps(asdict(key), indent=2))
    _write_text(folder / "index.html", _fill_template(key.test, [sorted(page) for page in pages]))
    return key_path


def _draw_real_pieces(songs: Dataset, n_pages: int, n_bars: int, seed: int) -> list[tuple[Clip, Piece]]:
    min_tracks = min(_MIN_TRACKS, songs.spec.n_tracks)
    test, valid = (songs.windows(n_bars, split, min_tracks) for split in ("test", "valid"))
    windows = test if len(test) else valid
    if len(windows) < n_pages:
        raise DatasetError(
            f"{songs.path} has {len(windows)} pieces of {n_bars} bars that are held out; {n_pages} are needed"
        )
    sources = songs.songs["source"][songs.song_of(windows)].astype(np.int64)
    starts = windows[spread_over_songs(sources, np.random.default_rng(seed))[:n_pages]]
    rolls = keep_notes(songs.rolls(starts, n_bars), songs.spec)
    numbers = songs.song_of(starts).tolist()
    return [
        (
            Clip(source=REAL, page=page, song=songs.song_name(number)),
            Piece(roll=roll, spec=songs.spec, tempo_qpm=float(songs.songs["tempo_qpm"][number]), seed=page),
        )
        for page, (roll, number) in enumerate(zip(rolls, numbers, strict=True))
    ]


def _compose_pieces(model: Model, name: str, n_pages: int, n_bars: int, seed: int) -> list[tuple[Clip, Piece]]:
    from musegan.composing.request import GenerationRequest  # this loads torch

    requests = [GenerationRequest(seed=seed + page) for page in range(n_pages)]
    pieces = [
        piece
        for first in range(0, n_pages, BATCH)
        for piece in model.generate_many(requests[first : first + BATCH], n_bars, arrangement="song")
    ]
    return [(Clip(source=name, page=page, seed=seed + page), piece) for page, piece in enumerate(pieces)]


def _fill_template(test: str, pages: Sequence[Sequence[str]]) -> str:
    """The page, which knows the names of the clips and nothing else of them."""
    facts = json.dumps({"test": test, "pages": pages, "questions": QUESTIONS})
    return _TEMPLATE.read_text(encoding="utf-8").replace("/* facts */ null", facts.replace("<", "\\u003c"))


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

"""What plays the notes of a user's file."""

from __future__ import annotations

from musegan.composing.model import Model
from musegan.errors import ModelError
from musegan.midi.humanize import measure_song_manner
from musegan.midi.performance import TableFeel
from musegan.midi.song import Song
from musegan.models.composed_feel import ComposedFeel
from musegan.music.piece import Feel


def choose_feel(model: Model, like: Song | None = None) -> Feel:
    """The performance head of a model, in the manner in which a file is played, or the averages of its corpus.

    Raises `ModelError` when there is no head to play like a file.
    """
    if isinstance(model.feel, ComposedFeel):
        return model.feel if like is None else model.feel.like_manner(measure_song_manner(like))
    if like is not None:
        raise ModelError("the model has no performance head, which is needed to play like a file; train one")
    return TableFeel(table=model.feel)

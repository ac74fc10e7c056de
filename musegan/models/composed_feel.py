"""The feel of a model with a performance head: velocities and timing that are composed for notes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.errors import ModelError
from musegan.midi.manner import MANNER
from musegan.midi.performance import TableFeel, draw_from_table
from musegan.models.manner_prior import MannerPrior
from musegan.models.runtime import composing_threads
from musegan.music.piece import Feel, Piece
from musegan.networks.note_batch import NoteBatch
from musegan.networks.performance_head import (
    N_OFFSETS,
    N_VELOCITIES,
    PerformanceHead,
    draw_classes,
)
from musegan.random_streams import Stream, draw_chances

PHRASE_BARS = 4  # that are played in one manner
PASSES = 6  # of the head over a piece
TEMPERATURE = 0.9  # of velocities and timing; what is drawn as trained repeats less than players do


@dataclass(frozen=True, kw_only=True)
class ComposedFeel:
    """A `musegan.music.piece.Feel`. The playing of a bar depends on its notes, its number and the seed alone."""

    table: NDArray[np.float32]  # (track, step, 4), of the corpus: for tracks that nobody has played
    head: PerformanceHead
    manners: MannerPrior
    like: NDArray[np.float32] | None = None  # (track, manner), normal scores to keep to; nan where there are none
    passes: int = PASSES

    def with_manner(self, manner: NDArray[np.floating]) -> ComposedFeel:
        """The same feel in a manner : (track, manner), nan where it is free."""
        return replace(self, like=self.manners.to_scores(manner))

    def draw(self, piece: Piece, notes: NDArray, first_bar: int) -> tuple[NDArray, NDArray]:
        """See `musegan.music.piece.Feel`."""
        velocity, offset = draw_from_table(self.table, piece, notes, first_bar)
        composed = np.flatnonzero(self.manners.is_played[notes["track"]])
        if len(composed):
            velocity[composed], offset[composed] = self._compose_playing(piece, notes[composed], first_bar)
        return velocity, offset

    def _compose_playing(self, piece: Piece, notes: NDArray, first_bar: int) -> tuple[NDArray, NDArray]:
        spec = piece.spec
        bar, step = np.divmod(notes["start"].astype(np.int64), spec.steps_per_bar)
        order = np.argsort(bar, kind="stable")
        notes, bar, step = notes[order], bar[order], step[order]
        number, row = np.unique(first_bar + bar, return_inverse=True)
        phrase, of_bar = np.unique(np.maximum(number, 0) // PHRASE_BARS, return_inverse=True)
        manner = self.manners.draw(piece.seed, phrase, self.like)[of_bar]
        track, pitch = notes["track"].astype(np.int64), notes["pitch"].astype(np.int64)
        length = np.minimum(notes["duration"].astype(np.int64), spec.steps_per_bar - step)
        tempo = np.full(len(number), piece.tempo_qpm)
        batch = NoteBatch.of(row, track, step, pitch - spec.lowest_pitch, length, tempo, manner, spec)
        chances = self._draw_chances(piece.seed, number[row], track, step, pitch, manner[row, track])
        with composing_threads(), torch.inference_mode():
            drawn = self._draw_playing(batch, *(torch.from_numpy(chance) for chance in chances))
        out = np.empty((2, len(notes)))
        out[:, order] = drawn
        return out[0], out[1]

    def _draw_chances(
        self,
        seed: int,
        bar: NDArray[np.int64],
        track: NDArray[np.int64],
        step: NDArray[np.int64],
        pitch: NDArray[np.int64],
        manner: NDArray[np.float32],
    ) -> list[NDArray[np.float32]]:
        """What the pass, the velocity and the offset of each note are drawn by: (note,) each.

        The more the manner of a track is to repeat, the more of its bars have chances in common, the same bars in
        all tracks, so that equal bars are played alike. The notes of a chord are drawn in different passes, and so
        hear each other.
        """
        moment = draw_chances(seed, Stream.PLAYING, 0, track, step)
        first = np.flatnonzero(np.diff((bar * 64 + track) * 4096 + step, prepend=-1))
        within = np.arange(len(bar)) - np.repeat(first, np.diff(np.append(first, len(bar))))
        chances = [((moment + within / self.passes) % 1).astype(np.float32)]
        own = draw_chances(seed, Stream.PLAYING, 3, bar)
        for kind, column in enumerate(("velocity_repeats", "late_repeats"), start=1):
            share = np.sqrt(self.manners.to_values(manner[:, MANNER.index(column)], track, column))
            which = np.where(own < share, 0, bar + 1)
            chances.append(draw_chances(seed, Stream.PLAYING, kind, which, track, step, pitch))
        return chances

    def _draw_playing(
        self, batch: NoteBatch, turn: torch.Tensor, loud: torch.Tensor, late: torch.Tensor
    ) -> NDArray:
        """Velocity and offset in steps of each note: (2, note). `turn` says in which pass a note is drawn."""
        heard = self.head.hear(batch)
        velocity = torch.full(turn.shape, N_VELOCITIES)
        offset = torch.full(turn.shape, N_OFFSETS)
        out = torch.zeros(2, len(turn))
        for number in range(self.passes):
            velocities, offsets = self.head(batch, heard, velocity, offset)
            due = (turn * self.passes).floor() == number
            for kind, (classes, chance, part) in enumerate(
                (
                    (velocity, loud, velocities),
                    (offset, late, offsets),
                )
            ):
                index, within = draw_classes(part[due], chance[due], TEMPERATURE)
                classes[due] = index
                out[kind, due] = index + within
        out[0] = out[0].floor().clamp(1, 127)
        out[1] = out[1] / N_OFFSETS - 0.5
        return out.numpy()


def choose_feel(feel: NDArray[np.float32] | ComposedFeel, manner: NDArray[np.floating] | None = None) -> Feel:
    """What plays the notes of a user's file: the feel of a model.

    A performance head plays in a `manner`, ``(track, manner)``, where that is given; `measure_song_manner` of
    `musegan.midi.humanize` finds it in a song. A table, ``(track, step, 4)``, gives the averages of the corpus.
    Raises `ModelError` when there is a manner and no head.
    """
    if isinstance(feel, ComposedFeel):
        return feel if manner is None else feel.with_manner(manner)
    if manner is not None:
        raise ModelError("the model has no performance head, which is needed to play like a file; train one")
    return TableFeel(table=feel)

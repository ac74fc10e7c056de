"""Any music file as a piece: every part of it is a track, whatever the ensemble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from musegan.errors import MidiError
from musegan.midi.notes import read_notes
from musegan.midi.read import read_score
from musegan.midi.score import Score
from musegan.music.harmony import estimate_key
from musegan.music.pianoroll import notes_to_roll, sounding_shares
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec, TrackSpec


def read_piece(path: Path, bars: tuple[int, int] | None = None) -> Piece:
    """Read a file to be shown.

    Parameters
    ----------
    path : Path
    bars : (first, end), optional
        Only these bars, 0-based.

    Raises
    ------
    MidiError
        The file cannot be read, has no notes or no such bars, or changes its meter.
    """
    score = read_score(path)
    if not score.parts:
        raise MidiError(f"{path} has no notes to show", "no notes")
    spec = _spec_of(score)
    grid = read_notes(path, spec, {str(i + 1): name for i, name in enumerate(spec.track_names)})
    roll = notes_to_roll(grid.notes, spec, grid.n_bars)
    if bars is not None:
        if not bars[0] < bars[1] <= grid.n_bars:
            raise MidiError(f"{path} has the bars 1-{grid.n_bars}; {bars[0] + 1}-{bars[1]} are not among them")
        roll = roll[:, bars[0] : bars[1]]
    piece = Piece(roll=roll, spec=spec, tempo_qpm=grid.tempo_qpm)
    shares = sounding_shares(roll, spec)
    return replace(piece, key=estimate_key(shares)) if shares.any() else piece


def _spec_of(score: Score) -> RollSpec:
    """An ensemble of the parts of a file, in its first meter."""
    names: list[str] = []
    for index, part in enumerate(score.parts):
        name = part.name or ("drums" if part.is_drum else f"part {index + 1}")
        same = sum(known == name or known.startswith(f"{name} ") for known in names)
        names.append(f"{name} {same + 1}" if same else name)
    tracks = tuple(
        TrackSpec(name=name, program=0 if part.is_drum else part.program, is_drum=part.is_drum)
        for name, part in zip(names, score.parts, strict=True)
    )
    numerator, denominator = (int(n) for n in score.meters[0]) if len(score.meters) else (4, 4)
    beats = max(numerator * 4 // denominator, 1)
    return RollSpec(tracks=tracks, beats_per_bar=beats, lowest_pitch=0, n_pitches=128)

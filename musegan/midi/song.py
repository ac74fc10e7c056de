"""A music file that somebody works on: read as a piece, and written back with only the composed bars changed."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from musegan.errors import MidiError
from musegan.midi.musicfile import MusicFile
from musegan.midi.notes import GridNotes, find_part, read_notes
from musegan.midi.parts import PartInfo, describe_parts
from musegan.midi.read import read_bytes, read_score
from musegan.midi.score import Score
from musegan.midi.splice import splice
from musegan.midi.stems import write_file
from musegan.music.key import estimate_key
from musegan.music.pianoroll import notes_to_roll, sounding_shares
from musegan.music.piece import Piece
from musegan.music.spec import BAND, RollSpec, TrackSpec

MAX_CELLS = 1 << 26  # of a roll, 64 MB: 3,000 bars of the band, or 64 parts of 340 bars
MAX_SOUNDING_CELLS = 1 << 21  # of these; a song of 300 bars has about 2**18


@dataclass(frozen=True, kw_only=True)
class Song:
    """A music file and the piece that it is on the grid.

    Examples
    --------
    >>> import musegan
    >>> song = musegan.read("mine.mid")
    >>> song.piece.n_bars, song.piece.spec.track_names
    (16, ('drums', 'bass', 'guitar', 'piano', 'strings', 'lead'))
    >>> band = musegan.load_model().accompany(song.piece, keep=["piano"])
    >>> [str(path) for path in song.write(band, "band.mid")]
    ['band.mid']
    """

    piece: Piece  # bar 1 of the file is bar 1; without a key signature its key is an estimate
    grid: GridNotes  # how the file was understood: parts, the track of each, bar lines
    file: MusicFile = field(repr=False)

    @property
    def name(self) -> str:
        """Of the file, for messages."""
        return self.file.name

    @property
    def parts(self) -> list[PartInfo]:
        """The parts of the file, in the order of their numbers, and the track that each is taken for."""
        return describe_parts(self.file, self.grid.mapping, self.piece.spec)

    def until(self, n_bars: int) -> Song:
        """The first `n_bars` bars: what follows is left out when it is written, also of parts that fit no track.
        Raises `ConfigError` when there are not so many."""
        piece = self.piece.cut(0, n_bars)
        return replace(self, piece=piece, grid=self.grid.until(n_bars, piece.spec))

    def choose(self, names: Sequence[str]) -> tuple[Song, list[str]]:
        """The song with what `names` names, and the tracks of the ensemble that this is on.

        A name is that of a track, with all its parts, or a part by its number (from 1) or name: then the other
        parts of the same track are left out. Raises `MidiError` when it is none, or when several parts have it.
        """
        spec, mapping = self.piece.spec, self.grid.mapping
        lowered = [track.lower() for track in spec.track_names]
        others = [name for name in names if name.strip().lower() not in lowered]
        parts = {find_part(self.grid.score.parts, name, self.name) for name in others}
        for part in parts:
            if mapping[part] is None:
                raise MidiError(
                    f"part {part + 1} of {self.name} fits no track, so nothing can be composed to it; take it for "
                    f"one of {', '.join(spec.track_names)}",
                    "no such part",
                    field="track_map",
                )
        whole = {lowered.index(name.strip().lower()) for name in names if name.strip().lower() in lowered}
        tracks = {track for part in parts if (track := mapping[part]) is not None} | whole
        rivals = [i for i, track in enumerate(mapping) if track in tracks - whole and i not in parts]
        grid = self.grid.without(rivals, spec)
        song = replace(self, grid=grid, piece=grid_to_piece(grid, spec))
        return song, [spec.track_names[track] for track in sorted(tracks)]

    def write(
        self,
        piece: Piece,
        path: str | os.PathLike,
        *,
        humanize: float = 1.0,
        stems: bool = False,
        chords: bool = False,
        force: bool = True,
    ) -> list[Path]:
        """Write the composed cells of `piece` into a copy of the file; what is given stays as it was played.

        Parameters
        ----------
        piece : Piece
            Composed from `Song.piece`: its ``given`` tells kept cells from composed ones, and bars after those of
            the file are new. With another tempo, all tempos of the file change in proportion.
        path
            May be the file that was read.
        humanize : float
            Of composed notes: 0 is flat and on the grid of the file, 1 has the feel of the corpus.
        stems, chords, force : bool
            As in `musegan.write`.

        Returns
        -------
        The paths written, `path` first.

        Raises
        ------
        MidiError
            The piece does not come from this song, or a file cannot be written.
        MuseganError
            A file exists and `force` is off; nothing is written then.
        """
        data = splice(self.file, self.grid, piece, humanize=humanize, chords=chords)
        return write_file(data, Path(path), stems=stems, force=force)


def read(
    source: str | os.PathLike | bytes,
    spec: RollSpec | None = BAND,
    *,
    track_map: Mapping[str, str] | None = None,
) -> Song:
    """Read a MIDI, MusicXML, ABC or Humdrum file to work on it.

    Parameters
    ----------
    source : path or bytes
    spec : RollSpec, optional
        The ensemble, which is that of the model that is to compose: ``model.spec``. With None every part of the
        file is a track of its own, with the pitches that there are.
    track_map : mapping, optional
        Track by number (from 1) or name of a part, for parts that the rules of the ensemble would put elsewhere;
        "" for a part that is only to be kept.

    Raises
    ------
    MidiError
        The file cannot be read, has no notes, changes its meter or is in another one than the ensemble, or is too
        long.
    ConfigError
        `track_map` names a track that the ensemble has not.
    """
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    name = "the MIDI data" if isinstance(source, bytes) else str(source)
    if spec is None:
        spec = guess_ensemble(read_score(data, name), name)
        track_map = {str(i + 1): track for i, track in enumerate(spec.track_names)}
    grid = read_notes(data, spec, track_map, name)
    _check_size(grid, spec, name)
    file = MusicFile(data=data, score=grid.score, name=name)
    return Song(piece=grid_to_piece(grid, spec), grid=grid, file=file)


def _check_size(grid: GridNotes, spec: RollSpec, name: str) -> None:
    """Raise `MidiError` when a roll of the file would be very large, or very full."""
    if math.prod(spec.shape(grid.n_bars)) > MAX_CELLS:
        raise MidiError(
            f"{name} has {grid.n_bars} bars of {spec.beats_per_bar} quarter notes and {spec.n_tracks} parts, "
            "which is too much at once; cut it into pieces",
            "too long",
        )
    if int(grid.notes["duration"].sum()) > MAX_SOUNDING_CELLS:
        raise MidiError(f"the notes of {name} last too long all in all; shorten them or cut it", "too long")


def grid_to_piece(grid: GridNotes, spec: RollSpec) -> Piece:
    """The notes on the grid as a piece; without a key signature its key is an estimate."""
    roll = notes_to_roll(grid.notes, spec, grid.n_bars)
    shares = sounding_shares(roll, spec)
    key = grid.score.key or (estimate_key(shares) if shares.any() else None)
    return Piece(roll=roll, spec=spec, tempo_qpm=grid.tempo_qpm, key=key)


def guess_ensemble(score: Score, name: str) -> RollSpec:
    """An ensemble of the parts of a file, in its first meter. Raises `MidiError` when it has none."""
    if not score.parts:
        raise MidiError(f"{name} has no notes to show", "no notes")
    names: list[str] = []
    for index, part in enumerate(score.parts):
        own = part.name or ("drums" if part.is_drum else f"part {index + 1}")
        same = sum(known == own or known.startswith(f"{own} ") for known in names)
        names.append(f"{own} {same + 1}" if same else own)
    low = min(int(part.pitch.min()) for part in score.parts)
    high = max(int(part.pitch.max()) for part in score.parts)
    tracks = tuple(
        TrackSpec(name=own, program=0 if part.is_drum else part.program, is_drum=part.is_drum)
        for own, part in zip(names, score.parts, strict=True)
    )
    numerator, denominator = (int(n) for n in score.meters[0]) if len(score.meters) else (4, 4)
    beats = max(numerator * 4 // denominator, 1)
    return RollSpec(tracks=tracks, beats_per_bar=beats, lowest_pitch=low, n_pitches=high - low + 1)

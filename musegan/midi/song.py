"""A music file that somebody works on: read as a piece, and written back with only the composed bars changed."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from musegan.errors import ConfigError, MidiError
from musegan.midi.musicfile import MusicFile
from musegan.midi.notation import TUNES_LEFT_OUT
from musegan.midi.notes import GridNotes, find_part, read_notes
from musegan.midi.parts import PartInfo, describe_parts
from musegan.midi.pedal import Pedal
from musegan.midi.read import read_bytes, read_score
from musegan.midi.score import Score
from musegan.midi.splice import splice
from musegan.midi.stems import write_file
from musegan.midi.tempo_map import lay_on_beats, read_beats
from musegan.music.key import estimate_key
from musegan.music.pianoroll import notes_to_roll, sounding_shares
from musegan.music.piece import Piece
from musegan.music.programs import name_part
from musegan.music.spec import BAND, RollSpec, TrackSpec
from musegan.text import name_ranges

MAX_CELLS = 1 << 26  # of a roll, 64 MB: 3,000 bars of the band, or 64 parts of 340 bars
MAX_SOUNDING_CELLS = 1 << 21  # of these; a song of 300 bars has about 2**18
_LONGEST_RANGES = 60  # letters of the bars that are named
_CLOSE = 0.6  # share of the notes near the grid; 0.9 in most files, 0.5 by chance
_FEWEST_NOTES = 32  # that tell of free playing


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

    piece: Piece  # the bars that the ensemble can use; without a key signature its key is an estimate
    grid: GridNotes  # how the file was understood: parts, the track of each, bars
    file: MusicFile = field(repr=False)

    @property
    def name(self) -> str:
        """Of the file, for messages."""
        return self.file.name

    @property
    def parts(self) -> list[PartInfo]:
        """The parts of the file, in the order of their numbers, and the track that each is taken for."""
        return describe_parts(self.file, self.grid.mapping, self.piece.spec)

    @property
    def bar_numbers(self) -> list[int]:
        """The number (from 1) in the file of each bar of the piece."""
        late = self.grid.score.ticks_per_beat / 4
        return np.searchsorted(self.grid.bars.lines, self.grid.begins + late, side="right").tolist()

    @property
    def passed_over(self) -> list[int]:
        """The numbers (from 1) of the bars of the file that are no bars of the piece: of another length than those
        of the ensemble, or short ones such as pick-ups. They are kept as they are."""
        return [bar + 1 for bar in range(self.grid.bars.n_bars) if self.grid.find_bar(bar) is None]

    @property
    def _bar_length(self) -> str:
        is_compound = self.grid.beat_ticks != self.grid.score.ticks_per_beat
        return f"{self.piece.spec.beats_per_bar} {'dotted ' * is_compound}quarter notes"

    def describe_passed_over(self) -> str | None:
        """One line for people about the bars that are passed over, None where there are none."""
        if not self.passed_over:
            return None
        names = name_ranges(self.passed_over)
        if len(names) > _LONGEST_RANGES:
            names = names[:_LONGEST_RANGES].rpartition(",")[0] + ", ..."
        told = f"{len(self.passed_over)} of {self.grid.bars.n_bars} bars ({names}) are not {self._bar_length} long"
        return f"{told}: they stay as they are, and what is composed rests there"

    def describe_free_time(self) -> str | None:
        """One line for people about playing that does not follow the beats of the file, None where it does."""
        share = self.grid.closeness
        if share >= _CLOSE or len(self.grid.notes) < _FEWEST_NOTES:
            return None
        return (
            f"only {share:.0%} of the notes start near the beats of {self.name} or their divisions: it was played "
            "freely, or beside its tempo map. What is composed follows the bar lines of the file, so give its "
            "beats as a tempo map, or quantize the notes in the DAW"
        )

    def describe_left_out(self) -> str | None:
        """One line for people about tunes of a collection that were not read, None where all were."""
        return f"{self.name}: {TUNES_LEFT_OUT}" if TUNES_LEFT_OUT in self.grid.score.repairs else None

    def find_bars(self, bars: Iterable[int]) -> list[int]:
        """The bars of the piece for bars of the file, both from 0, without those that are passed over; new bars
        count on after those of the file. Raises `ConfigError` when none is left."""
        wanted = list(bars)
        found = sorted({bar for number in wanted if (bar := self.grid.find_bar(number)) is not None})
        if wanted and not found:
            number = wanted[0] + 1
            raise ConfigError(f"bar {number} of {self.name} stays as it is: it is not {self._bar_length} long")
        return found

    def cut_after(self, n_bars: int) -> Song:
        """The first `n_bars` bars of the file: what follows is left out when it is written, also of parts that fit
        no track. Raises `ConfigError` when there are not so many, or none of them is a bar of the ensemble."""
        if not 1 <= n_bars <= self.grid.bars.n_bars:
            raise ConfigError(
                f"bars 1-{n_bars} are not in {self.name}, which has the bars 1-{self.grid.bars.n_bars}"
            )
        grid = self.grid.cut_after(n_bars, self.piece.spec)
        if not grid.n_bars:
            raise ConfigError(f"no bar of {self.name} up to bar {n_bars} is {self._bar_length} long")
        return replace(self, piece=self.piece.cut(0, grid.n_bars), grid=grid)

    def choose_parts(self, keep: Sequence[str] | None, composed: Sequence[str] = ()) -> tuple[Song, list[str]]:
        """The song with what is to be kept of it, and the tracks of the ensemble that this is on.

        Parameters
        ----------
        keep : list of str, optional
            Names of tracks, with all their parts, or of parts by number (from 1) or name: then the other parts of
            the same track are left out. By default all that is on no track of `composed`.
        composed : list of str
            Tracks that are to be composed; parts that are kept there stay in the file, but are not heard. The
            same holds for second parts, by sound, of a track that has one player, but for drums.

        Raises
        ------
        MidiError
            There is no such part, several have that name, or nothing that is kept can be heard.
        ConfigError
            There is no such track.
        """
        spec, mapping = self.piece.spec, self.grid.mapping
        asked = {spec.track_index(name) for name in composed}
        lowered = [track.lower() for track in spec.track_names]
        names = [name.strip().lower() for name in keep or ()]
        whole = {lowered.index(name) for name in names if name in lowered}
        kept = {find_part(self.grid.score.parts, name, self.name) for name in names if name not in lowered}
        kept |= {part for part, track in enumerate(mapping) if track in whole}
        if keep is None:
            kept = {part for part, track in enumerate(mapping) if track not in asked}
        unheard = {part for part in kept if mapping[part] in asked} | self._find_second_parts(kept)
        tracks = {mapping[part] for part in kept - unheard} - {None} | whole - asked
        if not tracks:
            raise MidiError(
                f"nothing that is kept of {self.name} is on one of the tracks {', '.join(spec.track_names)}, so "
                "nothing can be composed to it; take a part for one of them",
                "no such part",
                field="track_map",
            )
        rivals = [part for part, track in enumerate(mapping) if track in tracks | asked and part not in kept]
        grid = self.grid.remove_parts(rivals, spec, unheard)
        song = replace(self, grid=grid, piece=grid_to_piece(grid, spec))
        return song, [name for row, name in enumerate(spec.track_names) if row in tracks]

    def _find_second_parts(self, kept: Collection[int]) -> set[int]:
        """Of parts that are kept, those on a track on which another sounds longer."""
        spec, mapping, parts = self.piece.spec, self.grid.mapping, self.grid.score.parts
        if not spec.one_part_a_track:
            return set()
        sounding = {part: int((parts[part].end - parts[part].start).sum()) for part in kept}
        first = {mapping[part]: part for part in sorted(kept, key=lambda part: (sounding[part], -part))}
        return {
            part
            for part in kept
            if (track := mapping[part]) is not None and not spec.is_drum[track] and first[track] != part
        }

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
    pedal: Pedal = "hold",
    tempo_map: str | os.PathLike | None = None,
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
    pedal : Pedal
        ``hold``: notes of the piece last as long as the sustain pedal holds them; ``ignore``: as they are written.
        What is written back is the file's own.
    tempo_map : path, optional
        The beats of what was played freely, as `musegan.midi.tempo_map.read_beats` reads them. What is written
        back then has these beats, and the notes of the file where they were in seconds.

    Raises
    ------
    MidiError
        The file cannot be read, has no notes in bars of the ensemble, or is too long.
    ConfigError
        `track_map` names a track that the ensemble has not.
    """
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    name = "the MIDI data" if isinstance(source, bytes) else str(source)
    if tempo_map is not None:
        data = lay_on_beats(data, read_beats(Path(tempo_map)), name)
    if spec is None:
        spec = guess_ensemble(read_score(data, name))
        track_map = {str(i + 1): track for i, track in enumerate(spec.track_names)}
    grid = read_notes(data, spec, track_map, name, pedal)
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


def name_tracks(score: Score) -> tuple[TrackSpec, ...]:
    """A track for each part of a file; those of the same name are numbered."""
    names: list[str] = []
    for index, part in enumerate(score.parts):
        own = name_part(part.name, part.program, part.is_drum, index + 1)
        same = sum(known == own or known.startswith(f"{own} ") for known in names)
        names.append(f"{own} {same + 1}" if same else own)
    return tuple(
        TrackSpec(name=own, program=0 if part.is_drum else part.program, is_drum=part.is_drum)
        for own, part in zip(names, score.parts, strict=True)
    )


def guess_ensemble(score: Score) -> RollSpec:
    """An ensemble of the parts of a file, in its first meter."""
    low = min(int(part.pitch.min()) for part in score.parts)
    high = max(int(part.pitch.max()) for part in score.parts)
    numerator, denominator = (int(n) for n in score.meters[0]) if len(score.meters) else (4, 4)
    beats = max(numerator * 4 // denominator, 1)
    return RollSpec(tracks=name_tracks(score), beats_per_bar=beats, lowest_pitch=low, n_pitches=high - low + 1)

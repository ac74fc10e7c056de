"""What assistants can do: each tool is a verb on files of a workspace, and answers with facts and a picture."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Literal

from musegan.assistants.answer import Answer, describe_piece
from musegan.assistants.workspace import Workspace
from musegan.composing.model import Model, load_model
from musegan.composing.parse import parse_bar_list, parse_bar_range
from musegan.composing.request import GenerationRequest, count_bars_in_song
from musegan.files import WRITTEN_MIDI_SUFFIXES
from musegan.midi.humanize import humanize_song, measure_song_manner
from musegan.midi.melody import extract_melody
from musegan.midi.read import MUSIC_SUFFIXES
from musegan.midi.song import Song, read
from musegan.midi.stems import write_file
from musegan.midi.write import write_files
from musegan.models.composed_feel import choose_feel
from musegan.music.knobs import KNOBS
from musegan.music.piece import Piece
from musegan.render import AUDIO_SUFFIXES, IMAGE_SUFFIXES, SCORE_SUFFIXES
from musegan.render.audio import convert_to_audio, write_audio
from musegan.render.image import draw_piece
from musegan.render.layout import read_layout
from musegan.render.parts import write_lead_sheet, write_parts
from musegan.render.score import write_score

_MOST_SURPRISES = 20


class Tools:
    """The verbs, one call at a time. All names are those of files of the workspace, bars are counted from 1.

    Methods that compose take a `GenerationRequest` last. Raises `MuseganError` with what is wrong.
    """

    def __init__(self, workspace: Workspace, model: str | None = None) -> None:
        self._workspace, self._model_name = workspace, model
        self._lock = Lock()

    @cached_property
    def _model(self) -> Model:
        return load_model(self._model_name)

    def generate(
        self,
        request: GenerationRequest,
        output: str,
        bars: int = 8,
        form: str = "",
        arrangement: Literal["full", "natural", "song", "build"] = "full",
        tracks: list[str] | None = None,
        ending: bool = False,
        replace_file: bool = False,
    ) -> Answer:
        """Compose a piece from nothing. `form` names sections by letter, like AABA; `bars` are then shared."""
        return self._compose(
            output,
            replace_file,
            lambda: self._model.generate(
                bars, tracks=tracks, form=form, arrangement=arrangement, ending=ending, request=request
            ),
        )

    def accompany(
        self, request: GenerationRequest, source: str, output: str, keep: list[str], replace_file: bool = False
    ) -> Answer:
        """Keep some tracks or parts of a file (by name, or number from 1) and compose the others."""
        song = self._read(source)

        def compose() -> tuple[Piece, Song]:
            chosen, kept = song.choose_parts(keep)
            asked = count_bars_in_song(request, song)
            return self._model.accompany(chosen.piece, kept, request=asked), chosen

        return self._compose(output, replace_file, compose)

    def arrange(
        self,
        request: GenerationRequest,
        source: str,
        output: str,
        melody: str | None = None,
        like: str | None = None,
        replace_file: bool = False,
    ) -> Answer:
        """Keep the melody of a file and compose a band to its chords, like the band of another file if named."""
        song = self._read(source)
        other = None if like is None else self._read(like).piece

        def compose() -> tuple[Piece, Song]:
            found = extract_melody(song.cut_after(song.grid.music_end_bar), melody)
            asked = replace(count_bars_in_song(request, song), progression=request.progression or found.chords)
            return self._model.arrange(found.song.piece, found.track, like=other, request=asked), found.song

        return self._compose(output, replace_file, compose)

    def continue_(
        self, request: GenerationRequest, source: str, output: str, bars: int = 8, replace_file: bool = False
    ) -> Answer:
        """Write a file followed by new bars."""
        song = self._read(source)

        def compose() -> tuple[Piece, Song]:
            before = song.cut_after(song.grid.music_end_bar)
            asked = count_bars_in_song(request, before)
            return self._model.continue_(before.piece, bars, at=before.piece.n_bars, request=asked), before

        return self._compose(output, replace_file, compose)

    def infill(
        self,
        request: GenerationRequest,
        source: str,
        output: str,
        at: str,
        tracks: list[str] | None = None,
        replace_file: bool = False,
    ) -> Answer:
        """Compose some bars of a file anew, like 5-8 or 1-4,9-12, and keep all others.

        With a knob a section becomes calmer or busier: a calmer second verse is its bars with busier at -2.
        """
        song = self._read(source)
        bars, asked = song.find_bars(parse_bar_list(at)), count_bars_in_song(request, song)
        return self._compose(
            output, replace_file, lambda: (self._model.infill(song.piece, bars, tracks, request=asked), song)
        )

    def vary(
        self,
        request: GenerationRequest,
        source: str,
        output: str,
        amount: float = 0.3,
        tracks: list[str] | None = None,
        replace_file: bool = False,
    ) -> Answer:
        """Compose a share of a file anew, here and there."""
        song = self._read(source)
        asked = count_bars_in_song(request, song)
        return self._compose(
            output, replace_file, lambda: (self._model.vary(song.piece, amount, tracks, request=asked), song)
        )

    def interpolate(
        self,
        request: GenerationRequest,
        first: str,
        last: str,
        output: str,
        count: int = 4,
        bars: int = 8,
        replace_file: bool = False,
    ) -> Answer:
        """Write pieces that lead from one seed (a number) to another, or from file to file, as OUT-1.mid and so
        on."""
        stem, dot, suffix = output.rpartition(".")
        names = [f"{stem}-{number}{dot}{suffix}" for number in range(1, count + 1)]
        paths = [self._workspace.make_path(name, WRITTEN_MIDI_SUFFIXES, replace_file) for name in names]
        a, b = (int(end) if end.isdecimal() else self._read(end).piece for end in (first, last))
        with self._lock:
            pieces = self._model.interpolate(a, b, count, bars, request=request)
        for piece, path in zip(pieces, paths, strict=True):
            write_files(piece, path)
        return Answer({"files": names, "seed": request.seed})

    def humanize(
        self,
        source: str,
        output: str,
        strength: float = 1.0,
        tracks: list[str] | None = None,
        like: str | None = None,
        keep_accents: bool = False,
        seed: int = 0,
        replace_file: bool = False,
    ) -> Answer:
        """Give typed notes of a file the velocities and the timing of players, like another file if named."""
        path = self._workspace.make_path(output, WRITTEN_MIDI_SUFFIXES, replace_file)
        song, manner = self._read(source), None if like is None else measure_song_manner(self._read(like))
        with self._lock:
            done = humanize_song(
                song,
                choose_feel(self._model.feel, manner),
                strength=strength,
                tracks=tracks or (),
                keep_accents=keep_accents,
                seed=seed,
            )
        write_file(done.data, path)
        facts = {
            "changed_parts": [part + 1 for part in done.changed],
            "left_parts": [part + 1 for part in done.left],
        }
        return Answer({"file": output, **facts})

    def render(
        self,
        source: str,
        output: str,
        bars: str | None = None,
        chords: bool = False,
        kind: Literal["whole", "parts", "lead sheet"] = "whole",
        replace_file: bool = False,
    ) -> Answer:
        """Write a file as a picture (.png .svg .pdf), sound (.wav .flac .ogg) or a score (.musicxml .mxl).

        Scores can be one a part, for the players, or a lead sheet.
        """
        suffixes = SCORE_SUFFIXES if kind != "whole" else IMAGE_SUFFIXES + AUDIO_SUFFIXES + SCORE_SUFFIXES
        path = self._workspace.make_path(output, suffixes, replace_file)
        file, chosen = self._workspace.find_file(source), parse_bar_range(bars) if bars else None
        suffix = path.suffix.lower()
        if kind == "lead sheet":
            written = [write_lead_sheet(file, path, chosen)]
        elif suffix in AUDIO_SUFFIXES:
            written = [self._write_sound(file, path, chosen)]
        else:
            layout = read_layout(file)
            layout = layout.cut(*chosen) if chosen else layout
            if kind == "parts":
                written = write_parts(layout, path, chords=chords, force=replace_file)
            elif suffix in SCORE_SUFFIXES:
                written = [write_score(layout, path, chords=chords)]
            else:
                written = [draw_piece(layout, path)]
        picture = path.read_bytes() if suffix == ".png" else None
        return Answer({"files": [self._workspace.name_of(item) for item in written]}, picture)

    def describe(self, source: str) -> Answer:
        """Tell what is in a file: bars, tempo, key, chords, and its parts and the track that each is taken for."""
        song = self._read(source)
        return describe_piece(source, song.piece, song, parts=[vars(part) for part in song.parts])

    def explain(self, source: str) -> Answer:
        """Tell which bars of which tracks are the most surprising to the model, in nats a note and beat."""
        song = self._read(source)
        numbers = song.bar_numbers
        with self._lock:
            found = self._model.explain(song.piece).rank_bars()[:_MOST_SURPRISES]
        return Answer(
            {"most_surprising": [{"track": t, "bar": numbers[bar], "nats": round(n, 2)} for t, bar, n in found]}
        )

    def list_files(self) -> Answer:
        """List the music files of the folder."""
        return Answer({"files": self._workspace.list_files(MUSIC_SUFFIXES)})

    def list_choices(self) -> Answer:
        """List the tracks, styles and knobs that the model knows."""
        knobs = {name: knob.effect for name, knob in KNOBS.items()}
        return Answer(
            {
                "tracks": list(self._model.spec.track_names),
                "styles": list(self._model.offered_styles),
                "knobs": knobs,
            }
        )

    @staticmethod
    def _write_sound(file: Path, path: Path, chosen: tuple[int, int] | None) -> Path:
        """A file, or some of its bars, as sound."""
        if chosen is None:
            return convert_to_audio(file, path)
        song = read(file, None)
        bars = song.find_bars(range(*chosen))
        return write_audio(song.piece.cut(bars[0], bars[-1] + 1), path)

    def _read(self, source: str) -> Song:
        return read(self._workspace.find_file(source), self._model.spec)

    def _compose(
        self, output: str, replace_file: bool, compose: Callable[[], Piece | tuple[Piece, Song]]
    ) -> Answer:
        """Compose, write the result, into a copy of the file that it is made from if any, and describe it."""
        path: Path = self._workspace.make_path(output, WRITTEN_MIDI_SUFFIXES, replace_file)
        with self._lock:
            composed = compose()
        piece, song = (composed, None) if isinstance(composed, Piece) else composed
        if song is None:
            write_files(piece, path)
        else:
            song.write(piece, path)
        return describe_piece(output, piece, song, seed=piece.seed)


def draw_seed() -> int:
    """A seed for who names none."""
    return secrets.randbelow(2**31)

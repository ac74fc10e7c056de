"""Music files to a dataset: read in parallel, written in a fixed order, and counted by what became of them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from musegan.corpus.dataset import Dataset
from musegan.corpus.describe import describe_dataset
from musegan.corpus.labels import Label, Labels
from musegan.corpus.packing import DatasetWriter, Song
from musegan.corpus.parallel import Lost, map_in_order
from musegan.corpus.songs import SongFile, read_song
from musegan.corpus.sources import find_files, read_items
from musegan.errors import ConfigError, DatasetError
from musegan.midi.pedal import Pedal
from musegan.midi.read import MUSIC_SUFFIXES
from musegan.music.spec import RollSpec
from musegan.text import clean_for_terminal

TIME_LIMIT = 60.0  # seconds for one file


@dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """What became of the files of a corpus."""

    dataset: str  # path of the dataset
    log: str  # path of the log: a line for every file that was skipped, repaired or a duplicate
    files: int  # found, those in archives too
    read: int  # with music that fits, duplicates too
    repaired: dict[str, int]  # files by what had to be mended or assumed
    skipped: dict[str, int]  # files by reason
    duplicates: int  # files with the notes of an earlier one, left out
    songs: int  # files in the dataset
    valid_songs: int  # of these in the valid split
    test_songs: int  # and in the test split
    stretches: int  # unbroken stretches of bars in the songs
    bars: int
    phrases: int  # windows of 4 bars
    notes: int  # a note over a bar line counts once a bar
    unused_notes: int  # of instruments without a track, outside the pitches or in other meters
    tracks: dict[str, float]  # share of the bars in which each track sounds
    silent_tracks: list[str]  # those that sound in none
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def prepare(
    sources: Iterable[str | Path],
    output: Path,
    spec: RollSpec,
    *,
    workers: int | None = None,
    valid_fraction: float = 0.1,
    test_fraction: float = 0.05,
    seed: int = 0,
    labels: Path | None = None,
    pedal: Pedal = "hold",
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Read music files and write one dataset, and a log beside it.

    The bytes of the dataset depend on the files, their names, the spec, the labels, `pedal`, `valid_fraction`,
    `test_fraction` and `seed` alone. A file that cannot be used is counted and named in the log; it never ends
    the run.

    Parameters
    ----------
    sources
        Folders, music files, archives and ``music21:COMPOSER``; see `musegan.corpus.sources`.
    output
        The dataset. It takes its name when all is done, so a kill at any moment leaves the old file.
    workers
        Processes; by default one for each core.
    valid_fraction, test_fraction
        Shares of the songs for the splits ``valid``, by which models are chosen, and ``test``, on which they are
        measured; by a hash of their notes and `seed`: a song goes to the same split whatever other files there
        are, and so, mostly, do its edited and transposed copies.
    labels
        CSV file for `Labels.load`; it wins over the hash.
    pedal
        Whether notes last as long as the sustain pedal holds them.
    progress
        Called with the files done and the files known so far.

    Raises
    ------
    ConfigError
        Nothing is left to train on.
    DatasetError
        A source does not exist, nothing in them can be used, or the labels cannot be read.
    """
    if valid_fraction + test_fraction >= 1:
        raise ConfigError(
            f"{valid_fraction:g} to validate on and {test_fraction:g} to test on leave no songs to train on",
            field="test_fraction",
        )
    began = time.monotonic()
    files = find_files(sources)
    known = Labels.load(labels) if labels else Labels()
    log_path = output.with_name(output.name + ".log")
    with DatasetWriter(output, spec) as writer:
        unfinished = writer.folder / log_path.name
        with open(unfinished, "w", encoding="utf-8", errors="backslashreplace") as log:
            tally = _Tally(log)
            read = partial(read_song, spec=spec, pedal=pedal)
            items = read_items(files)
            for item, song in map_in_order(read, items, workers or count_cores(), TIME_LIMIT, lambda i: i.n_bytes):
                if isinstance(song, Lost):
                    tally.count_skipped(item.name, song)
                elif tally.count_song(item.name, song):
                    label = known.find_label(item.name)
                    split = label.split or choose_split(song.family, seed, valid_fraction, test_fraction)
                    tally.splits[split] += 1
                    _add_song(writer, song, item.name, tally.n_songs - 1, split, label)
                if progress:
                    progress(tally.n_files, max(tally.n_files, len(files)))
        if not tally.n_songs:
            raise tally.make_error()
        os.replace(unfinished, log_path)
    return tally.make_report(Dataset(output), log_path, time.monotonic() - began)


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_split(family: int, seed: int, valid_fraction: float, test_fraction: float) -> str:
    """The split of a family of songs: by chance, but the same every time."""
    key = blake2b(str(seed).encode(), digest_size=16).digest()
    value = int.from_bytes(blake2b(family.to_bytes(8, "little"), key=key, digest_size=8).digest(), "little")
    if value < valid_fraction * 2**64:
        return "valid"
    return "test" if value >= (1 - test_fraction) * 2**64 else "train"


def _add_song(writer: DatasetWriter, song: SongFile, name: str, source: int, split: str, label: Label) -> None:
    for stretch in song.stretches:
        writer.add(
            Song(
                name=name,
                source=source,
                n_bars=stretch.n_bars,
                notes=stretch.notes,
                feel_sums=stretch.feel_sums,
                late=stretch.late,
                split=split,
                style=label.style,
                licence=label.licence,
                tempo_qpm=stretch.tempo_qpm,
            )
        )


class _Tally:
    """Counts what becomes of the files, and names the unusual ones in the log."""

    def __init__(self, log: TextIO) -> None:
        self.log = log
        self.n_files = self.n_songs = self.n_duplicates = self.n_unused = 0
        self.splits: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.seen: set[int] = set()  # digests; all that grows with the corpus

    def count_skipped(self, name: str, lost: Lost) -> None:
        self.n_files += 1
        self.skipped[lost.reason] += 1
        self._log_file("skipped", lost.reason, name, lost.message)

    def count_song(self, name: str, song: SongFile) -> bool:
        """Count a file that was read, and say whether no earlier one had the same notes: a song."""
        self.n_files += 1
        for repair in song.repairs:
            self.repaired[repair] += 1
            self._log_file("repaired", repair, name)
        if song.digest in self.seen:
            self.n_duplicates += 1
            self._log_file("duplicate", "same notes as an earlier file", name)
            return False
        self.seen.add(song.digest)
        self.n_songs += 1
        self.n_unused += song.n_unused
        return True

    def _log_file(self, *fields: str) -> None:
        self.log.write("\t".join(clean_for_terminal(" ".join(field.split())) for field in fields) + "\n")

    def make_error(self) -> DatasetError:
        """Why there is no dataset."""
        if not self.n_files:
            suffixes = " ".join(MUSIC_SUFFIXES)
            return DatasetError(f"there are no music files in the sources; {suffixes} and archives are read")
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.skipped.most_common())
        return DatasetError(
            f"none of the {self.n_files} files can be used ({reasons}); another ensemble may fit them",
            field="spec",
        )

    def make_report(self, dataset: Dataset, log_path: Path, seconds: float) -> PrepareReport:
        content = describe_dataset(dataset)
        return PrepareReport(
            dataset=str(dataset.path),
            log=str(log_path),
            files=self.n_files,
            read=self.n_songs + self.n_duplicates,
            repaired=dict(self.repaired.most_common()),
            skipped=dict(self.skipped.most_common()),
            duplicates=self.n_duplicates,
            songs=self.n_songs,
            valid_songs=self.splits["valid"],
            test_songs=self.splits["test"],
            stretches=content["stretches"],
            bars=content["bars"],
            phrases=content["phrases"],
            notes=content["notes"],
            unused_notes=self.n_unused,
            tracks=content["tracks"],
            silent_tracks=dataset.silent_tracks(),
            seconds=round(seconds, 3),
        )

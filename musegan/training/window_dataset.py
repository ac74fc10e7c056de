"""Windows of a corpus for the `DataLoader` of torch: rolls, lists of notes, and controls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import data

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.corpus.note_list import NoteList
from musegan.errors import ConfigError
from musegan.music.controls import Controls

Window = dict[str, Any]  # of tensors, and of a dictionary of them


class WindowDataset(data.Dataset[Window]):
    """All windows of some bars in a part of a corpus, at every bar line.

    An item is a dictionary of

    ``roll``      (track, bar, step, pitch), uint8: 0 silent, 1 held, 2 onset
    ``notes``     (note, 5), int64: track, beat, step, pitch index and duration in steps, in order of track, beat,
                  step and pitch. Notes that began before the window are left out, those that end after it are cut
    ``controls``  by name, the values of each control in the units of `musegan.music.control_kinds`

    Windows have different numbers of notes, so give `collate` to the loader.

    Parameters
    ----------
    source : Dataset, NoteList or path of one
    n_bars : int
    split : str
        ``train``, ``valid`` or ``test``.
    min_tracks : int
        Windows in which fewer tracks sound are left out.

    Raises
    ------
    ConfigError
        The split is none of these, or `n_bars` is below 1.
    DatasetError
        The file is missing or damaged.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> windows = WindowDataset("songs.npz", n_bars=4)
    >>> windows
    WindowDataset(36 windows of 4 bars of drums, keys, bass; train)
    >>> loader = DataLoader(windows, batch_size=8, shuffle=True, collate_fn=WindowDataset.collate)
    >>> batch = next(iter(loader))
    >>> tuple(batch["roll"].shape), tuple(batch["controls"]["density"].shape)
    ((8, 3, 4, 16, 40), (8, 3, 4))
    """

    def __init__(
        self,
        source: Dataset | NoteList | str | os.PathLike,
        n_bars: int = 4,
        split: str = "train",
        min_tracks: int = 1,
    ) -> None:
        if split not in SPLITS:
            raise ConfigError(f"there is no split {split!r}; choose one of {', '.join(SPLITS)}", field="split")
        if n_bars < 1:
            raise ConfigError(f"windows of {n_bars} bars are not possible; give 1 or more", field="n_bars")
        if isinstance(source, Dataset):
            source = NoteList.from_dataset(source)
        self.songs = source if isinstance(source, NoteList) else NoteList.open(Path(source))
        self.n_bars, self.split = n_bars, split
        self.starts = self.songs.windows(n_bars, split, min_tracks)  # (window,), int64: first bar of each

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Window:
        music = self.songs.read(self.starts[[index]], self.n_bars, np.zeros(1, np.int64))
        notes = music.notes
        columns = notes.track, notes.cell % notes.shape[2], notes.step, notes.pitch, notes.duration
        controls = Controls.measure(music).values
        return {
            "roll": torch.from_numpy(notes.to_rolls(self.songs.spec)[0]),
            "notes": torch.from_numpy(np.stack(columns, axis=1)),
            "controls": {name: torch.from_numpy(np.asarray(values[0])) for name, values in controls.items()},
        }

    @staticmethod
    def collate(windows: Sequence[Window]) -> Window:
        """A batch: rolls and controls with the batch as first axis, and the notes of all windows one after the
        other, with the number of their window in the batch as first of six columns."""
        notes = [window["notes"] for window in windows]
        owner = torch.repeat_interleave(torch.arange(len(notes)), torch.tensor([len(part) for part in notes]))
        return {
            "roll": torch.stack([window["roll"] for window in windows]),
            "notes": torch.cat([owner[:, None], torch.cat(notes)], dim=1),
            "controls": {
                name: torch.stack([window["controls"][name] for window in windows])
                for name in windows[0]["controls"]
            },
        }

    def __repr__(self) -> str:
        tracks = ", ".join(self.songs.spec.track_names)
        return f"WindowDataset({len(self)} windows of {self.n_bars} bars of {tracks}; {self.split})"

"""Symbolic multi-track music: compose, complete, continue, vary and arrange MIDI.

    model = musegan.load_model()
    piece = model.generate(n_bars=8, seed=1)
    musegan.write(piece, "out.mid")

Names are resolved when they are first used, so that only what needs torch loads it.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musegan.composing.model import Model, load_model
    from musegan.composing.request import GenerationRequest
    from musegan.corpus.dataset import Dataset
    from musegan.errors import MuseganError
    from musegan.midi.song import Song, read
    from musegan.midi.write import write_midi
    from musegan.music.key import Key
    from musegan.music.piece import Piece
    from musegan.music.spec import RollSpec, TrackSpec, load_ensemble
    from musegan.render import write
    from musegan.training.window_dataset import WindowDataset

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "musegan.corpus.dataset",
    "GenerationRequest": "musegan.composing.request",
    "Key": "musegan.music.key",
    "Model": "musegan.composing.model",
    "MuseganError": "musegan.errors",
    "Piece": "musegan.music.piece",
    "RollSpec": "musegan.music.spec",
    "Song": "musegan.midi.song",
    "TrackSpec": "musegan.music.spec",
    "WindowDataset": "musegan.training.window_dataset",
    "load_ensemble": "musegan.music.spec",
    "load_model": "musegan.composing.model",
    "read": "musegan.midi.song",
    "write": "musegan.render",
    "write_midi": "musegan.midi.write",
}

__all__ = [
    "Dataset",
    "GenerationRequest",
    "Key",
    "Model",
    "MuseganError",
    "Piece",
    "RollSpec",
    "Song",
    "TrackSpec",
    "WindowDataset",
    "__version__",
    "load_ensemble",
    "load_model",
    "read",
    "write",
    "write_midi",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'musegan' has no attribute {name!r}")
    if name == "Piece":
        import_module("musegan.midi")  # which converts pieces to objects of other libraries
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


if "IPython" in sys.modules:
    import_module("musegan.render").show_in_notebooks()

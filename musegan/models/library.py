"""Where models are: bundled with the package, and in the user's folder. Loads no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from musegan.errors import ModelError

DEFAULT_MODEL = "band"
SUFFIX = ".safetensors"
ASSETS = Path(__file__).parents[1] / "assets"
_FILES_OF_RUN = ("best.safetensors", "model.safetensors")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model that can be called by its name."""

    name: str  # as for --model: "band", or "owner/name" in the user's folder
    path: Path
    is_bundled: bool


def user_folder() -> Path:
    """Where models that are pulled go: ``MUSEGAN_MODELS``, or ``.musegan/models`` in the home folder."""
    return Path(os.environ.get("MUSEGAN_MODELS") or Path.home() / ".musegan" / "models")


def list_models() -> list[Found]:
    """Every model that has a name: the bundled ones, then those of the user's folder."""
    bundled = [Found(name=path.stem, path=path, is_bundled=True) for path in sorted(ASSETS.glob(f"*{SUFFIX}"))]
    folder = user_folder()
    own = [
        Found(name=path.relative_to(folder).with_suffix("").as_posix(), path=path, is_bundled=False)
        for path in sorted(folder.rglob(f"[!.]*{SUFFIX}"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)  # of an unfinished download
    ]
    return bundled + own


def find_model(name_or_path: str | os.PathLike | None = None) -> Path:
    """The file of a model by its name, of a run folder, or the path itself. Raises `ModelError`."""
    name = os.fspath(name_or_path or DEFAULT_MODEL)
    named = {found.name: found.path for found in reversed(list_models())}
    if name in named:
        return named[name]
    path = Path(name)
    if path.is_dir():
        path = next((path / file for file in _FILES_OF_RUN if (path / file).is_file()), path)
    if not path.is_file():
        raise ModelError(
            f"there is no model {name!r}; use {', '.join(sorted(named)) or 'a model file'}, the path of a "
            f"{SUFFIX} file or a run folder, or get one with `musegan models pull OWNER/NAME`"
        )
    return path

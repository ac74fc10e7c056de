"""Models from and to the Hugging Face Hub, or a server that speaks as it does (``HF_ENDPOINT``)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from musegan.errors import MissingToolError, ModelError, MuseganError
from musegan.files import atomic_write, refuse_overwrite
from musegan.models.library import SUFFIX, find_model, user_folder
from musegan.models.model_file import read_description
from musegan.schema import make_fields

FILE = f"model{SUFFIX}"
"""The name of the model in its repository."""


def pull_model(name: str, *, force: bool = False) -> Path:
    """Download the model ``owner/name`` to the user's folder, where it is then found by that name.

    Size and SHA-256 are those that the server lists, or nothing is kept; only then is the file opened.

    Raises
    ------
    ModelError
        No such model or no connection, a file that is not what the server lists, or not a model of musegan.
    MissingToolError
        The package huggingface_hub is not installed.
    """
    target = user_folder() / f"{_check_name(name)}{SUFFIX}"
    refuse_overwrite(target, force)
    hub = _import_hub()
    with _translate_errors(f"{name} cannot be pulled"), atomic_write(target) as temporary:
        listing = _read_listing(hub.HfApi().model_info(name, files_metadata=True), name)
        got = hub.hf_hub_download(name, FILE, revision=listing.commit, local_dir=temporary.parent / "download")
        Path(got).replace(temporary)
        _verify_file(temporary, listing, name)
        read_description(temporary)
    return target


@dataclass(frozen=True, kw_only=True)
class _Listing:
    """What a server says of the file."""

    commit: str
    size: int
    sha256: str


def _read_listing(info: Any, name: str) -> _Listing:
    listed = {item.rfilename: item for item in info.siblings or []}
    if FILE not in listed:
        raise ModelError(f"{name} has no file {FILE}, so it is not a model of musegan")
    file = listed[FILE]
    if file.size is None or file.lfs is None:
        raise ModelError(f"the server lists no size and SHA-256 of {FILE} in {name}, so it is not used")
    values = {"commit": info.sha, "size": file.size, "sha256": file.lfs.sha256}
    listing = make_fields(_Listing, values, f"the listing of {name}")
    if not re.fullmatch("[0-9a-f]{40}", listing.commit):
        raise ModelError(f"the server calls the commit of {name} {listing.commit[:60]!r}, which is none")
    return listing


def push_model(source: str, name: str, *, private: bool = False) -> str:
    """Upload a model, given as for `find_model`, to the repository ``owner/name``, made where there is none.

    Returns its address. Raises as `pull_model`. The token is that of ``HF_TOKEN`` or of ``hf auth login``.
    """
    path = find_model(source)
    read_description(path)
    hub = _import_hub()
    with _translate_errors(f"{name} cannot be pushed to"):
        api = hub.HfApi()
        api.create_repo(_check_name(name), private=private, exist_ok=True)
        api.upload_file(path_or_fileobj=path, path_in_repo=FILE, repo_id=name, commit_message="Model of musegan")
        return f"{api.endpoint}/{name}"


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise ModelError(f"{name!r} is not the name of a model on the hub; write it as OWNER/NAME")
    return name


def _verify_file(path: Path, listing: _Listing, name: str) -> None:
    """Raise `ModelError` unless a file is the one that the server lists."""
    if path.stat().st_size != listing.size:
        raise ModelError(f"{FILE} of {name} has {path.stat().st_size} bytes and should have {listing.size}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != listing.sha256:
        raise ModelError(f"{FILE} of {name} has SHA-256 {found} and should have {listing.sha256}; it is not used")


@contextmanager
def _translate_errors(what: str) -> Iterator[None]:
    """Errors of the hub, the connection and the disk as one sentence."""
    try:
        yield
    except MuseganError:
        raise
    except (OSError, _import_hub().errors.HTTPError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(f"{what}: {reason}") from error
    except Exception as error:  # the package lets through whatever an answer of another kind leads to
        server = _import_hub().HfApi().endpoint
        raise ModelError(f"{what}: {server} does not answer as a hub does ({type(error).__name__})") from error


def _import_hub() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingToolError("models of others need a package: pip install huggingface_hub") from error
    return huggingface_hub

"""Starts the server: port, token, address, and the browser once it answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musegan.composing.model import Model
from musegan.errors import ConfigError, MissingToolError, MuseganError
from musegan.render.soundfont import VARIABLE, shipped_font
from musegan.schema import make_fields, read_json
from musegan.studio.guard import Guard, load_token, write_secret

FIRST_PORT = 8765
_N_PORTS = 20  # tried one after another
LOCAL = "127.0.0.1"
_UVICORN: dict[str, Any] = {
    "log_level": "warning",
    "access_log": False,
    "lifespan": "off",
    "timeout_graceful_shutdown": 3,
    "ws": "websockets-sansio",
    "ws_max_size": 4 << 20,  # bytes
}


def studio_font() -> Path:
    """The sound font of ``MUSEGAN_SOUND_FONT``, or the shipped one: small, so that a stem takes a moment."""
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named.lower().endswith(".sf2") and Path(named).is_file() else shipped_font()


def serve(
    model: Model,
    folder: Path,
    *,
    file: Path | None = None,
    host: str = LOCAL,
    port: int | None = None,
    open_browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    model : Model
    folder : Path
        Of the project; made when it is not there.
    file : Path, optional
        A music file to open.
    host : str
        Address to listen on.
    port : int, optional
        8765 or one of the next that are free, when left out.
    open_browser : bool
    say : callable
        Is told the address.

    Raises
    ------
    MissingToolError
        The packages of the extra ``studio`` are not installed.
    MuseganError
        The port is taken, or the project is damaged.
    """
    try:
        import uvicorn

        from musegan.studio.app import Server, warm_up
        from musegan.studio.http_protocol import ImpatientProtocol
    except ImportError as error:
        raise MissingToolError(
            f"the studio needs packages ({error.name}): pip install 'musegan-band[studio]'"
        ) from error
    import torch

    from musegan.studio.session import Session

    torch.set_num_threads(1)  # the networks are small; more threads only wait for each other on a busy machine
    token = load_token(folder)
    listening = _open_socket(host, port)
    port = listening.getsockname()[1]
    address = f"http://{LOCAL if host in ('0.0.0.0', '::') else host}:{port}/?token={token}"
    session = Session(model, folder, studio_font())
    try:
        if file is not None:
            session.send({"type": "open", "data": file.read_bytes(), "name": file.name}).result()
        elif session.is_new:
            session.send({"type": "compose"})  # the first page has music on it
        guard = Guard(Server(session).app(), token=token, port=port, host=host)
        write_secret(folder / "address.json", json.dumps({"address": address}))
        say(f"studio at {address}")
        threading.Thread(target=warm_up, args=(session,), daemon=True).start()
        if open_browser:
            threading.Timer(0.3, webbrowser.open, (address,)).start()
        asyncio.run(
            uvicorn.Server(uvicorn.Config(guard, http=ImpatientProtocol, **_UVICORN)).serve(sockets=[listening])
        )
    except KeyboardInterrupt:
        pass
    finally:
        session.close()
        (folder / "address.json").unlink(missing_ok=True)


def _open_socket(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in [port] if port is not None else [*range(FIRST_PORT, FIRST_PORT + _N_PORTS), 0]:
        listening = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, wanted))
            listening.listen(128)  # who comes before the server is ready waits
        except OSError as error:
            listening.close()
            if port is not None:
                raise MuseganError(
                    f"port {port} of {host} cannot be used ({error.strerror}); choose another"
                ) from error
            continue
        return listening
    raise MuseganError(f"there is no free port at {host}")


@dataclass(frozen=True)
class _Address:
    address: str


def find_running_server(folder: Path) -> str | None:
    """The address of a server that already works on the project in `folder`, None when there is none."""
    try:
        text = (folder / "address.json").read_text(encoding="utf-8")
        address = make_fields(_Address, read_json(text, "address.json"), "address.json").address
        with urllib.request.urlopen(make_api_url(address, "hello"), timeout=2):
            return address
    except (OSError, ValueError, ConfigError, http.client.HTTPException):
        return None


def make_api_url(address: str, name: str) -> str:
    """The address of a route of the API, token included."""
    return address.replace("/?", f"/api/{name}?", 1)


def send_file(address: str, file: Path) -> None:
    """Open a music file on a server that runs. Raises `MuseganError`."""
    url = f"{make_api_url(address, 'open')}&name={urllib.parse.quote(file.name)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, file.read_bytes()), timeout=60):
            return
    except urllib.error.HTTPError as error:
        raise MuseganError(error.read().decode("utf-8", "replace")) from error

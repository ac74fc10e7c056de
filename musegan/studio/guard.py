"""Who may talk to the server: only pages that it served itself, and programs that know its token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BYTES = 16 << 20  # of an upload; the reader of music files refuses more too
SECONDS_OF_SILENCE = 10.0  # in the middle of a request, before it is dropped
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' ws:; "
        b"style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
]


def load_token(folder: Path) -> str:
    """The token of this user, made once, so that a page that is open goes on after a restart of the server."""
    path = folder / "token"
    if path.is_file():
        token = path.read_text(encoding="ascii").strip()
        if len(token) >= 32:
            return token
    token = secrets.token_urlsafe(32)
    write_secret(path, token)
    return token


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


class Guard:
    """ASGI middleware: refuses other hosts and origins, requests without the token, and large uploads.

    Parameters
    ----------
    app
        What is guarded.
    token : str
    port : int
    host : str
        The address that the server listens on. 127.0.0.1 is reached as that and as ``localhost``; with any
        other, every numeric address is allowed too. Names are not: a page elsewhere could point one here.
    """

    def __init__(self, app: Any, *, token: str, port: int, host: str) -> None:
        self.app, self.token, self.port, self.host = app, token, port, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._find_problem(scope, headers)
        if problem is None:
            await self.app(scope, _limit_body(receive) if scope["type"] == "http" else receive, _add_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send(
                {"type": "websocket.close", "code": 4401 if problem[0] == 401 else 4403, "reason": problem[1]}
            )
        else:
            await _refuse(send, *problem)

    def _find_problem(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and sentence of what is wrong with a request."""
        host = headers.get("host", "")
        if not self._is_here(host):
            return 403, "This server answers only to its own address."
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "This server does not answer to pages from elsewhere."
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, "The length of the upload is no number."
        if len(length) > 18 or int(length) > MOST_BYTES:
            return 413, f"The upload is larger than {MOST_BYTES >> 20} MiB; is it music?"
        path = scope["path"]
        if path.startswith("/api/") and not self._knows_token(scope, headers):
            return 401, "The address is an old one: open the one that `musegan studio` prints."
        return None

    def _is_here(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        if name in ("127.0.0.1", "localhost", self.host):
            return True
        if self.host == "127.0.0.1":
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def _knows_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        given = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not given:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.token.encode())


def _limit_body(receive: Receive) -> Receive:
    """Ends a body that is longer than it may be, whatever its header said, or of which nothing more comes."""
    seen, is_whole = 0, False

    async def limited() -> MutableMapping[str, Any]:
        nonlocal seen, is_whole
        try:
            message = await asyncio.wait_for(receive(), None if is_whole else SECONDS_OF_SILENCE)
        except TimeoutError:
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            seen += len(message.get("body") or b"")
            is_whole = not message.get("more_body", False)
        return message if seen <= MOST_BYTES else {"type": "http.disconnect"}

    return limited


def _add_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sending


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})

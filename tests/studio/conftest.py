"""A studio that really runs: a process with a port of its own, over the tiny model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browser import BROWSER, FLAGS
from studio_page import Page


def free_port() -> int:
    """A port that no test beside this one takes while a server is killed and started again."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    for port in range(20_000 + 500 * worker, 20_500 + 500 * worker):  # the system itself gives out higher ones
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class Studio:
    """A server in its own process, started again on the same port and project as often as wanted."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "musegan", "studio", *arguments, "--no-browser", "--device", "cpu"]
        command += ["--model", str(self.model), "--project", str(self.folder)]
        command += ["--port", str(self.port)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("studio at http://127.0.0.1:"), line
        self.address = line.split()[2]
        self.base, _, self.token = self.address.partition("/?token=")
        for _ in range(100):
            try:
                self.get("hello")
                return
            except urllib.error.URLError:
                time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would, in the middle of anything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        self.process.wait()
        self._forget()

    def stop(self) -> None:
        """As Ctrl-C."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask(self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        """A request with the token; raises `urllib.error.HTTPError`."""
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, headers), timeout=60) as answer:
            return answer.read()

    def get(self, name: str) -> dict:
        return json.loads(self.ask(f"/api/{name}"))

    def send(self, kind: str, /, **values: object) -> dict:
        """A message; the answer is the state after it."""
        return json.loads(self.ask("/api/messages", json.dumps({"type": kind, **values}).encode()))

    def open(self, path: Path) -> dict:
        return json.loads(self.ask(f"/api/open?name={path.name}", path.read_bytes()))


@pytest.fixture(scope="session")
def studio(tmp_path_factory, model_path):
    pytest.importorskip("uvicorn", reason="the extra 'studio' is not installed")
    pytest.importorskip("starlette", reason="the extra 'studio' is not installed")
    running = Studio(tmp_path_factory.mktemp("studio"), model_path)
    for _ in range(600):  # a new studio composes something at once
        if running.get("state")["revision"]:
            break
        time.sleep(0.05)
    yield running
    running.stop()


@pytest.fixture
def first_studio(tmp_path, model_path):
    """A studio in which nobody has worked yet."""
    pytest.importorskip("uvicorn", reason="the extra 'studio' is not installed")
    running = Studio(tmp_path, model_path)
    yield running
    running.stop()


@pytest.fixture
def fresh(studio):
    """The studio with an empty page of four bars."""
    studio.send("new", bars=4)
    return studio


@pytest.fixture(scope="session")
def browser():
    """A Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if BROWSER is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, fresh):
    """A tab with an empty page of four bars."""
    page = Page(browser, fresh)
    yield page
    page.context.close()
    assert page.errors == []

"""Runs `musegan` command lines in processes with limits set by the operating system, and says how each ended.

A server process loads the program once and forks for every command line, so that thousands are cheap:

    with Cage(megabytes=1000) as cage:
        outcome = cage.run(["info", "song.mid"])

As a script this file is that server.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """How a command line ended."""

    command: str  # the verb
    status: int  # exit status; negative: ended by that signal
    seconds: float  # of the processor, in its own child processes too
    megabytes: float  # of memory in the largest process
    output: str  # stdout
    errors: str  # stderr

    @property
    def problem(self) -> str | None:
        """Why this is no acceptable end; None for success and for one clear sentence."""
        if "Traceback" in self.errors:
            return "traceback: " + self.errors.strip().splitlines()[-1][:150]
        if self.status not in (0, 1, 2):
            return f"ended by signal {-self.status}" if self.status < 0 else f"exit status {self.status}"
        lines = [line for line in self.errors.splitlines() if line.startswith("error: ")]
        if self.status == 1 and len(lines) != 1:
            return "exit status 1 without one line that says why"
        return None


class Cage:
    """A server that runs command lines. Limits are for each process: memory, and seconds of the processor."""

    def __init__(self, *, megabytes: int = 1000, seconds: int = 20) -> None:
        self.limits = {"megabytes": megabytes, "seconds": seconds}

    def __enter__(self) -> Cage:
        variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables, "COLUMNS": "200"},
        )
        return self

    def run(self, arguments: list[str], *, kill_after: float = 120.0, folder: Path | None = None) -> Outcome:
        """Run one command line, and kill it after so many seconds of the clock."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        job = {**self.limits, "arguments": arguments, "kill_after": kill_after, "folder": str(folder or ".")}
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        return Outcome(command=arguments[0], **json.loads(self.server.stdout.readline()))

    def __exit__(self, *_: object) -> None:
        self.server.communicate()


def _serve() -> None:
    _load_once()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _load_once() -> None:
    """Use everything that is loaded when it is first used, so that no forked process loads it again."""
    from musegan.cli import app

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        lines = [["generate", "--bars", "2", "-o", f"{folder}/a.mid"]]
        lines += [["render", f"{folder}/a.mid", "-o", f"{folder}/a.{kind}"] for kind in ("png", "musicxml")]
        for arguments in [*lines, ["prepare", folder, "-o", f"{folder}/a.npz", "--workers", "1"]]:
            with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
                app(arguments)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            _become(job, out.fileno(), errors.fileno())
        status, usage = _wait(child, job["kill_after"])
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read(1 << 20).decode(errors="backslashreplace"))
    return {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss / 1024,
        "output": texts[0],
        "errors": texts[1],
    }


def _wait(child: int, kill_after: float) -> tuple[int, resource.struct_rusage]:
    end = time.monotonic() + kill_after
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage
        if time.monotonic() > end:
            os.killpg(child, 9)
            _, status, usage = os.wait4(child, 0)
            return status, usage
        time.sleep(0.002)


def _become(job: dict[str, Any], out: int, errors: int) -> None:
    """Turn this process into a limited one that runs the command line and ends."""
    os.setpgid(0, 0)
    os.chdir(job["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    resource.setrlimit(resource.RLIMIT_DATA, (job["megabytes"] * MEGABYTE,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from musegan.cli import app

    status = 70
    try:
        app(job["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()

"""music21 in a process of its own, with limits of time and memory: a text of a few bytes can ask for any.

One process reads one file after another. It ends with the program that started it.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from musegan.errors import MidiError
from musegan.midi.score import Score

SECONDS = 5.0  # of the processor for one file
MEGABYTES = 500  # of memory
_CLOCK_SECONDS = 30.0  # for one file, where the processor is busy or its time cannot be limited
_START_SECONDS = 60.0  # for the process to start and import music21
_NO_MEMORY = "no memory"  # the answer of a process that ends because it has none left


def parse_in_process(text: str, kind: str) -> Score:
    """What `musegan.midi.music21_score.parse_notation` makes of a text, within the limits.

    Raises `MidiError`, for what is beyond them too.
    """
    global _reader
    with _lock:
        while True:
            reader = _reader = _reader or _Reader()
            try:
                answer = reader.ask(text, kind)
            except BaseException:  # Ctrl-C, or the limit of time: it is in the middle of a file
                _stop_reader()
                raise
            if answer != _NO_MEMORY:
                break
            _stop_reader()
            if reader.n_read == 1:  # else what it had read before may have taken the memory
                raise MidiError(f"reading it takes more than {MEGABYTES} MB of memory", "took too much memory")
    if isinstance(answer, MidiError):
        raise answer
    return answer


class _Reader:
    """The process, as its parent sees it."""

    def __init__(self) -> None:
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the parent, which stops it
        )
        self.n_read = 0

    def ask(self, text: str, kind: str) -> Any:
        """A score, an error or `_NO_MEMORY`. Raises `MidiError` where the process ends without an answer."""
        first = _START_SECONDS if not self.n_read else 0
        self.n_read += 1
        timer = threading.Timer(first + _CLOCK_SECONDS, self.process.kill)
        timer.daemon = True
        timer.start()
        try:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            pickle.dump((text, kind), self.process.stdin)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)  # from our own program
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            if self.process.wait() == -_OUT_OF_TIME or not timer.is_alive():
                raise MidiError(f"reading it takes more than {SECONDS:g} seconds", "took too long") from error
            raise MidiError("it ends the program that reads it", "crashed the reader") from error
        finally:
            timer.cancel()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what it did not take is lost
                    pipe.close()


_OUT_OF_TIME = getattr(signal, "SIGPROF", 0)
_lock = threading.Lock()
_reader: _Reader | None = None


def _stop_reader() -> None:
    global _reader
    if _reader is not None:
        _reader.stop()
        _reader = None


def _forget_reader() -> None:
    """A forked process must not speak to the reader of its parent."""
    global _reader, _lock
    if _reader is not None:
        _reader.process.returncode = 0  # not its child
    _reader, _lock = None, threading.Lock()


atexit.register(_stop_reader)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_reader)


def _serve_texts(questions: BinaryIO, answers: BinaryIO) -> None:
    """What the process does."""
    from musegan.midi.music21_score import parse_notation

    _limit_memory()
    while True:
        try:
            text, kind = pickle.load(questions)
        except EOFError:
            return
        _limit_time(SECONDS)
        answer: Score | MidiError | str
        try:
            answer = parse_notation(text, kind)
        except MidiError as error:
            answer = MidiError(str(error), error.reason)  # without its causes, which may be anything
        except MemoryError:
            answer = _NO_MEMORY
        _limit_time(0)
        pickle.dump(answer, answers)
        answers.flush()


def _limit_memory() -> None:
    if sys.platform == "linux":  # elsewhere the limit of time has to be enough
        import resource

        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        wanted = MEGABYTES << 20
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _limit_time(seconds: float) -> None:
    """End this process after so many seconds of the processor; 0 is never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    with open(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what music21 prints is not an answer
        with suppress(BrokenPipeError):  # who asked is gone
            _serve_texts(sys.stdin.buffer, out)

"""One thread that does everything in the order in which it is asked for. A request that makes a waiting one
pointless takes its place: a knob that is turned sends many, and only the last is answered."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    """A message and who waits for it."""

    message: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


class Worker:
    """Runs ``do(message)`` for each message, one at a time.

    Parameters
    ----------
    do : callable
        Its result or exception is that of the job's future.
    merge : callable
        ``merge(waiting, newer)`` returns the message that stands for both, or None where both must run.
    """

    def __init__(
        self,
        do: Callable[[dict[str, Any]], Any],
        merge: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None],
    ) -> None:
        self._do, self._merge = do, merge
        self._jobs: deque[Job] = deque()
        self._wake = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="studio", daemon=True)
        self._thread.start()

    def submit(self, message: dict[str, Any]) -> Future[Any]:
        """Queue a message. A waiting one that it replaces is cancelled, as is what comes after the end."""
        job = Job(message)
        with self._wake:
            if self._is_closed:
                job.future.cancel()
                return job.future
            both = self._merge(self._jobs[-1].message, message) if self._jobs else None
            if both is not None:
                self._jobs.pop().future.cancel()
                job.message = both
            self._jobs.append(job)
            self._wake.notify()
        return job.future

    @property
    def is_awaited(self) -> bool:
        """Whether another message, or the end, waits while one is worked on."""
        return bool(self._jobs) or self._is_closed

    def close(self) -> None:
        """Finish what waits and stop."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._jobs and not self._is_closed:
                    self._wake.wait()
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(self._do(job.message))
            except BaseException as error:  # the one who asked decides what becomes of it
                job.future.set_exception(error)


def merge_messages(waiting: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any] | None:
    """The message that stands for two turns of knobs; also volume after volume. None where both must run."""
    if waiting["type"] == newer["type"] == "wishes":
        return {**newer, "changes": {**waiting.get("changes", {}), **newer.get("changes", {})}}
    same_track = waiting.get("track") == newer.get("track")
    if waiting["type"] == newer["type"] == "mixer" and same_track:
        return {**waiting, **newer}
    return newer if waiting["type"] == newer["type"] in ("variations", "explain") else None

"""Run a function on many tasks in several processes, in order, and survive what a task does to its process."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from musegan.errors import MuseganError

Task = TypeVar("Task")
Result = TypeVar("Result")

_START_LIMIT = 60.0  # seconds for a process to start and import what it needs
_MAX_TASKS_AHEAD = 64  # tasks for each worker that may be done while an earlier one is still running
_MAX_BYTES_AHEAD = 64 << 20  # of these tasks, all together


@dataclass(frozen=True)
class Lost:
    """In place of a result: the task took too long, ended its process or raised an exception."""

    reason: str
    message: str = ""


def map_in_order(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    n_workers: int,
    time_limit: float,
    n_bytes: Callable[[Task], int] = lambda _: 0,
    n_at_once: int = 8,
) -> Iterator[tuple[Task, Result | Lost]]:
    """Yield each task with its result, in the order of `tasks`, whatever the number of workers.

    Tasks are taken as they are needed, so that neither they nor the results pile up; `n_bytes` says how large a
    task is, and a worker gets up to `n_at_once`. Function, tasks and results must be picklable. A task that
    raises, runs for more than `time_limit` seconds or takes its
    process with it gives `Lost`. Raises `MuseganError` when processes cannot start.
    """
    pool = _Pool(function, n_workers, time_limit, n_bytes, n_at_once)
    try:
        yield from pool.run_tasks(iter(tasks))
    finally:
        for worker in pool.workers:
            worker.stop()


class _Worker(Generic[Task]):
    """A process and the tasks that it has not answered, in order."""

    def __init__(self, function: Callable) -> None:
        # spawn: safe beside threads, and the same on every system.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve_tasks, args=(theirs, function), daemon=True)
        with hold_interrupts():
            self.process.start()
        theirs.close()
        self.has_started = False
        self.tasks: deque[tuple[int, Task]] = deque()
        self.since = time.monotonic()  # when it began the first of them

    def send_tasks(self, tasks: Iterable[tuple[int, Task]]) -> None:
        """Only to a worker without tasks, or two full pipes would wait for each other."""
        self.tasks.extend(tasks)
        self.since = time.monotonic()
        with suppress(OSError):  # when it has died, the next look at its connection tells
            self.connection.send([task for _, task in self.tasks])

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """A process that is started meanwhile never sees Ctrl-C; the parent decides what becomes of it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve_tasks(connection: Connection, function: Callable) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection.send(None)
    while True:
        try:
            tasks = connection.recv()
        except EOFError:
            return
        for task in tasks:
            try:
                answer = function(task)
            except Exception as error:
                answer = Lost(f"unexpected {type(error).__name__}", str(error))
            connection.send(answer)


class _Pool(Generic[Task, Result]):
    def __init__(
        self,
        function: Callable[[Task], Result],
        n_workers: int,
        time_limit: float,
        n_bytes: Callable[[Task], int],
        n_at_once: int,
    ) -> None:
        self.function, self.n_workers, self.time_limit, self.n_bytes = function, n_workers, time_limit, n_bytes
        self.n_at_once = n_at_once
        self.bytes_ahead = 0
        self.workers: list[_Worker[Task]] = []
        self.results: dict[int, tuple[Task, Result | Lost]] = {}  # finished, but not handed out

    def run_tasks(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Result | Lost]]:
        n_given = n_out = 0
        has_more = True
        while has_more or n_out < n_given:
            while has_more and self._has_room(n_given - n_out) and (worker := self._idle_worker()):
                batch = self._next_batch(tasks)
                worker.send_tasks(enumerate(batch, n_given))
                n_given += len(batch)
                has_more = bool(batch)
            while n_out in self.results:
                task, result = self.results.pop(n_out)
                self.bytes_ahead -= self.n_bytes(task)
                yield task, result
                n_out += 1
            if n_out < n_given:
                self._collect_answers()

    def _has_room(self, n_ahead: int) -> bool:
        return n_ahead < self.n_workers * _MAX_TASKS_AHEAD and self.bytes_ahead < _MAX_BYTES_AHEAD

    def _next_batch(self, tasks: Iterator[Task]) -> list[Task]:
        """The next tasks, fewer when they are large; empty at the end."""
        batch: list[Task] = []
        before = self.bytes_ahead
        while len(batch) < self.n_at_once and self.bytes_ahead - before < _MAX_BYTES_AHEAD // 8:
            for task in islice(tasks, 1):
                batch.append(task)
                self.bytes_ahead += self.n_bytes(task)
                break
            else:
                break
        return batch

    def _idle_worker(self) -> _Worker[Task] | None:
        """A worker without tasks, a new one while there may be more."""
        for worker in self.workers:
            if not worker.tasks:
                return worker
        if len(self.workers) == self.n_workers:
            return None
        self.workers.append(_Worker(self.function))
        return self.workers[-1]

    def _collect_answers(self) -> None:
        """Wait, for a second at most, for answers and for workers that are lost."""
        ready = wait([worker.connection for worker in self.workers], timeout=1.0)
        for index, worker in enumerate(self.workers):
            if worker.connection in ready:
                try:
                    self._take_answer(worker, worker.connection.recv())
                except (EOFError, OSError):
                    self._replace_worker(index, "crashed the reader")
            elif worker.tasks and time.monotonic() - worker.since > self._find_time_limit(worker):
                self._replace_worker(index, "took too long")

    def _find_time_limit(self, worker: _Worker[Task]) -> float:
        return self.time_limit if worker.has_started else _START_LIMIT

    def _take_answer(self, worker: _Worker[Task], answer: Result | Lost | None) -> None:
        worker.since = time.monotonic()
        if not worker.has_started:
            worker.has_started = True
            return
        index, task = worker.tasks.popleft()
        self.results[index] = task, answer  # type: ignore[assignment]

    def _replace_worker(self, place: int, reason: str) -> None:
        """The first task of a worker is lost; a new worker gets the others."""
        worker = self.workers[place]
        worker.stop()
        if not worker.has_started:
            raise MuseganError(
                "worker processes cannot start; a script that prepares datasets needs "
                "`if __name__ == '__main__':` before its own commands"
            )
        self.workers[place] = _Worker(self.function)
        if worker.tasks:
            index, task = worker.tasks.popleft()
            self.results[index] = task, Lost(reason)
            self.workers[place].send_tasks(worker.tasks)

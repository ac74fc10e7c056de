"""The band in a process of its own: composing does not delay the input and output of MIDI."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.request import GenerationRequest
from musegan.corpus.parallel import hold_interrupts
from musegan.errors import MuseganError
from musegan.live.band import Band
from musegan.live.player import COMPOSING, ask_for_priority


class ComposerProcess:
    """A process that composes bar after bar, as `Band.next_bar` does. It ends when this one does."""

    def __init__(self, band: Band) -> None:
        """Start it with a copy of `band`, and wait until it is warm. Raises `MuseganError` as `next_bar`."""
        context = multiprocessing.get_context("spawn")  # safe beside threads, and the same on every system
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve_bars, args=(theirs, band.plain()), name="band", daemon=True)
        with hold_interrupts():
            self._process.start()
        theirs.close()
        self.first_time: float = self._receive_answer()  # seconds of a bar

    def next_bar(
        self,
        bar: int,
        heard: NDArray[np.uint8],
        request: GenerationRequest,
        given: Mapping[int, NDArray[np.uint8]] | None = None,
    ) -> NDArray[np.uint8]:
        """Compose a bar under `request`; the rest as in `Band.next_bar`.

        Raises `MuseganError` when it cannot be composed or the process has ended.
        """
        try:
            self._connection.send((bar, heard, request, given))
        except OSError as error:
            raise MuseganError(f"the process that composes has ended: {error.strerror}") from error
        return self._receive_answer()

    def close(self) -> None:
        """End the process, in the middle of a bar too."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _receive_answer(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise MuseganError("the process that composes has ended; start again") from error
        if isinstance(answer, str):
            raise MuseganError(f"the next bar cannot be composed: {answer}")
        return answer


def _serve_bars(connection: Connection, band: Band) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # the other process has ended
        connection.send(_call_or_describe_error(band.warm_up))
        gc.freeze()  # what is loaded is never looked through again
        ask_for_priority(COMPOSING)
        while True:
            bar, heard, band.request, given = connection.recv()
            connection.send(_call_or_describe_error(band.next_bar, bar, heard, given))


def _call_or_describe_error(function: Callable, *arguments: Any) -> Any:
    """What a function returns, or as a string why it fails."""
    try:
        return function(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

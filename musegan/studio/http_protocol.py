"""HTTP as uvicorn speaks it, where a connection whose request does not come is dropped."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from musegan.studio.guard import SECONDS_OF_SILENCE


class ImpatientProtocol(H11Protocol):
    """Closes a connection on which the head of a request is not whole in time."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def _wait_for_head(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.transport.get_protocol() is not self:  # a socket has taken over
            self._stop_waiting()
        elif self._timer is None:
            self._timer = self.loop.call_later(SECONDS_OF_SILENCE, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

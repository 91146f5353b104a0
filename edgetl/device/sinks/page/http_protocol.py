"""Limits the size and the time of each request to the live page."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from edgetl.device.sinks.page.access import CONNECTION, TOO_MANY, Guard
from edgetl.device.sinks.page.connection_limit import LimitedListener

_REQUEST_SECONDS = 10.0
"""A request must arrive whole within this time, s: slow senders must not hold a place."""
_STUCK_SECONDS = 10.0
"""A viewer must read something of what waits for it within this time, s."""
_LINGER_SECONDS = 1.0
"""A refused client has this long to read the answer before the connection is closed, s."""
_MAX_REQUEST = 1 << 20
"""A request with its body has at most this many bytes; a body too long for its path is refused long before."""

_CHUNK = 8 << 10
"""Arriving bytes are parsed in chunks of this size: h11 limits a header only while it is incomplete."""

_BAD = b"HTTP/1.1 400 Bad Request\r\n"
_FULL = b"HTTP/1.1 503 Service Unavailable\r\n"
_LATE = b"HTTP/1.1 408 Request Timeout\r\n"
_REFUSAL = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"


class BoundedProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, which also closes slow requests, viewers that do not read, and floods.

    There is one object per connection. All methods are called in the page's event loop, so the state needs no lock.

    Args:
        config: Uvicorn's configuration.
        server_state: Uvicorn's state of the server.
        app_state: Uvicorn's state of the application.
        _loop: the event loop; None takes the running loop.
        listener: the listening socket that accepted the connection.
        guard: the check of the requests.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        listener: LimitedListener,
        guard: Guard,
    ) -> None:
        super().__init__(config, server_state, app_state | {CONNECTION: self}, _loop)
        self._listener = listener
        self._guard = guard
        self._descriptor = -1
        self._admitted = False
        self._refused = False
        self._received = 0  # bytes of the present request
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for a request, or refuses the connection if every place is taken."""
        self._descriptor = transport.get_extra_info("socket").fileno()
        if self._listener.full:
            self.transport = transport
            self._refuse(_FULL, TOO_MANY)
            return
        super().connection_made(transport)
        self._expect_request()

    @property
    def gone(self) -> bool:
        """Whether the client has closed the connection."""
        return self.transport.is_closing() or (self.cycle is not None and self.cycle.disconnected)

    def admit(self) -> bool:
        """Gives the connection one of the limited places; returns False if all places are taken."""
        self._admitted = self._listener.admit(self._descriptor)
        return self._admitted

    def hang_up(self) -> None:
        """Ends the connection without an answer."""
        self._disconnect_cycle()
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parses a part of a request."""
        if self._refused:
            return
        self._received += len(data)
        first = self._received == len(data) and not self._admitted
        if self._received > _MAX_REQUEST or (first and self._guard.is_flood(data)):
            self.hang_up()
            return
        for start in range(0, len(data), _CHUNK):
            super().data_received(data[start : start + _CHUNK])
            if self._refused or self.transport.is_closing():
                return
        self._expect_request()

    def send_400_response(self, msg: str) -> None:
        """Refuses bytes that are not an HTTP request."""
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            self._refuse(_BAD, b"this is not an HTTP request\n")

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        super().on_response_complete()
        self._received = 0
        self._expect_request()

    def pause_writing(self) -> None:
        """Starts the time limit of a viewer that does not read."""
        super().pause_writing()
        self._stuck = self.loop.call_later(_STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Ends the time limit of a viewer that reads again."""
        super().resume_writing()
        self._cancel_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        """Frees the place of the connection."""
        self._cancel_deadline()
        self._cancel_stuck()
        self._listener.release(self._descriptor)
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        """Starts the deadline of a request that has not arrived whole, and cancels it once the request has."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY) or self.transport.is_closing():
            self._cancel_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._refuse_late)

    def _refuse_late(self) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not (self.cycle and self.cycle.response_started):
            self._refuse(_LATE, b"the request took too long\n")
        else:
            self.transport.abort()

    def _refuse(self, status: bytes, reason: bytes) -> None:
        """Sends a refusal and closes the connection after a pause: closing at once could discard the answer."""
        self._refused = True
        self._cancel_deadline()
        self._disconnect_cycle()
        self.transport.write(status + _REFUSAL % (len(reason), reason))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._stuck = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _disconnect_cycle(self) -> None:
        """Stops the application's answer too: it would be written after the end, and each write would be logged."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _cancel_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_stuck(self) -> None:
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None

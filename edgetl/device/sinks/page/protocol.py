"""Bounds on what a connection to the live page may cost."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

MOST_CONNECTIONS = 64
"""That are served; more are answered with 503."""
_MOST_SOCKETS = 4 * MOST_CONNECTIONS
"""That are held at all, those in the middle of a TLS handshake and those that are being refused among them."""
_REQUEST_SECONDS = 10.0
"""For a request to arrive whole."""
_STUCK_SECONDS = 10.0
"""For a viewer to read something of what waits for it."""
_LINGER_SECONDS = 1.0
"""For a refused one to read why."""
_MOST_REQUEST = 1 << 20
"""Of a request with its body; what is too long for its path has been answered long before."""
_SEND_BUFFER = 128 << 10
"""In the system: what waits there grows old."""

_PIECE = 8 << 10
"""Of what arrives that is parsed at a time: h11 bounds a header only while it is incomplete."""

_BAD = b"HTTP/1.1 400 Bad Request\r\n"
_FULL = b"HTTP/1.1 503 Service Unavailable\r\n"
_LATE = b"HTTP/1.1 408 Request Timeout\r\n"
_REFUSAL = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"


class Door(socket.socket):
    """A listening socket that keeps the program's file descriptors from running out.

    Beyond the limit, whoever comes is turned away at once: the run needs descriptors too.
    """

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._inside: list[socket.socket] = []

    def accept(self) -> tuple[socket.socket, Any]:
        """Lets the next one in.

        Raises:
            ConnectionAbortedError: it was turned away.
        """
        connection, address = super().accept()
        self._inside = [each for each in self._inside if each.fileno() >= 0]
        if len(self._inside) >= _MOST_SOCKETS:
            connection.close()
            raise ConnectionAbortedError
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._inside.append(connection)
        return connection, address


class BoundedProtocol(H11Protocol):
    """Uvicorn's protocol with an end to patience: late requests, stuck readers and one viewer too many are let go."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._refused = False
        self._received = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for a request, or refuses to."""
        if len(self.connections) >= MOST_CONNECTIONS:
            self.transport = transport
            self._refuse(_FULL, b"too many are looking already\n")
            return
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request."""
        if self._refused:
            return
        self._received += len(data)
        if self._received > _MOST_REQUEST:
            self.transport.abort()
            return
        for start in range(0, len(data), _PIECE):
            super().data_received(data[start : start + _PIECE])
            if self._refused or self.transport.is_closing():
                return
        self._expect_request()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no request."""
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            self._refuse(_BAD, b"that is no request\n")

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        super().on_response_complete()
        self._received = 0
        self._expect_request()

    def pause_writing(self) -> None:
        """Starts to lose patience with a viewer that doesn't read."""
        super().pause_writing()
        self._stuck = self.loop.call_later(_STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Gains it again."""
        super().resume_writing()
        self._forget_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._forget_deadline()
        self._forget_stuck()
        if not self._refused or self in self.connections:
            super().connection_lost(exc)

    def _expect_request(self) -> None:
        """Sees to it that a request that has not arrived whole has a deadline, and one that has has none."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY) or self.transport.is_closing():
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not (self.cycle and self.cycle.response_started):
            self._refuse(_LATE, b"the request took too long\n")
        else:
            self.transport.abort()

    def _refuse(self, status: bytes, why: bytes) -> None:
        """Answers and hangs up, with time to read the answer: closing at once could take it away again."""
        self._refused = True
        self._forget_deadline()
        self.transport.write(status + _REFUSAL % (len(why), why))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._stuck = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _forget_stuck(self) -> None:
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None

"""Bounds on what a connection to the live page may cost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from edgetl.device.sinks.page.security import TOO_MANY, VISITOR, Guard

MOST_CONNECTIONS = 64
"""Connections that are served at most; the requests of more are answered with 503."""
_MOST_SOCKETS = 4 * MOST_CONNECTIONS
"""Connections that are held at all, those that have shown nothing yet among them."""
_PATIENCE = 0.1
"""A connection that has shown nothing for so long is ended where another one needs its place; s."""
_PASSES = 4
"""The event loop must have gone round so often meanwhile: it may have been too busy to read what was sent."""
_GLANCE = 0.001
"""How long the event loop rests where all are held and none of them is late yet; s."""
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
    """A listening socket that keeps the program's file descriptors from running out: the run needs some, too.

    At the limit nobody is turned away. The oldest connections that have shown nothing yet are ended instead, so that
    connections without a word, however many, don't keep others out.

    Attributes:
        floods: says of the first bytes of a connection whether it is one of a flood, and is ended before it costs more;
            None where the bytes are encrypted.
    """

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._inside: list[socket.socket] = []
        self._since: dict[int, tuple[float, int]] = {}  # by descriptor: when, and in which pass of the loop
        self._passes = 0
        self.floods: Callable[[bytes], bool] | None = None
        self._admitted: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether every place is taken."""
        return len(self._admitted) >= MOST_CONNECTIONS

    @property
    def admitted(self) -> int:
        """How many connections have a place."""
        return len(self._admitted)

    def accept(self) -> tuple[socket.socket, Any]:
        """Lets the next one in.

        Raises:
            BlockingIOError: nobody comes; or all are inside, and some of them have to leave first.
        """
        try:
            return self._let_in()
        except BlockingIOError:  # which ends what the loop accepts in one pass
            self._passes += 1
            raise

    def _let_in(self) -> tuple[socket.socket, Any]:
        if len(self._inside) >= _MOST_SOCKETS:
            self._inside = [each for each in self._inside if each.fileno() >= 0]
            if len(self._inside) >= _MOST_SOCKETS:
                self._make_room()
                raise BlockingIOError
        connection, address = super().accept()
        for _ in range(_MOST_SOCKETS):
            if not self._is_flood(connection):
                break
            connection.close()
            connection, address = super().accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._inside.append(connection)
        self._since[connection.fileno()] = monotonic(), self._passes
        return connection, address

    def _is_flood(self, connection: socket.socket) -> bool:
        """Says whether a connection is one of a flood, by what has come on it already."""
        if self.floods is None or not self.floods(b""):
            return False
        try:
            data = connection.recv(_PIECE, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:  # its sender has hung up
            return True
        return self.floods(data)

    def _make_room(self) -> None:
        late = [each for each in self._inside if self._is_late(each.fileno())]
        for each in late:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # its protocol sees the end, and closes it
        if not late:
            sleep(_GLANCE)  # the event loop would ask again at once

    def _is_late(self, descriptor: int) -> bool:
        since, number = self._since[descriptor]
        waited = monotonic() - since > _PATIENCE and self._passes - number > _PASSES
        return waited and descriptor not in self._admitted

    def admit(self, descriptor: int) -> bool:
        """Gives a place to a connection by its file descriptor; False where all are taken."""
        if descriptor not in self._admitted and self.full:
            return False
        self._admitted.add(descriptor)
        return True

    def leave(self, descriptor: int) -> None:
        """Takes its place from a connection that ends."""
        self._admitted.discard(descriptor)


class BoundedProtocol(H11Protocol):
    """Uvicorn's protocol with an end to patience: late requests, stuck readers and floods are let go.

    Args:
        config: of Uvicorn.
        server_state: of Uvicorn.
        app_state: of Uvicorn.
        _loop: of Uvicorn.
        door: the socket that the connection came through.
        guard: checks the requests.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: Door,
        guard: Guard,
    ) -> None:
        super().__init__(config, server_state, app_state | {VISITOR: self}, _loop)
        self._door = door
        self._guard = guard
        self._descriptor = -1
        self._admitted = False
        self._refused = False
        self._received = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for a request, or refuses to where every place is taken."""
        self._descriptor = transport.get_extra_info("socket").fileno()
        if self._door.full:
            self.transport = transport
            self._refuse(_FULL, TOO_MANY)
            return
        super().connection_made(transport)
        self._expect_request()

    @property
    def gone(self) -> bool:
        """Whether the other end has hung up."""
        return self.transport.is_closing() or (self.cycle is not None and self.cycle.disconnected)

    def admit(self) -> bool:
        """Keeps a place for the connection; see `edgetl.device.sinks.page.security.Visitor`."""
        self._admitted = self._door.admit(self._descriptor)
        return self._admitted

    def hang_up(self) -> None:
        """Ends the connection without an answer."""
        self._disconnect_cycle()
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request."""
        if self._refused:
            return
        self._received += len(data)
        begins = self._received == len(data) and not self._admitted
        if self._received > _MOST_REQUEST or (begins and self._guard.floods(data)):
            self.hang_up()
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
        self._door.leave(self._descriptor)
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
        self._disconnect_cycle()
        self.transport.write(status + _REFUSAL % (len(why), why))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._stuck = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _disconnect_cycle(self) -> None:
        """Keeps the application from answering, too: it would write after the end, and fill the log with that."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _forget_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _forget_stuck(self) -> None:
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None

"""The page's listening socket: who is let in, and who has to leave."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

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
_SEND_BUFFER = 128 << 10
"""In the system: what waits there grows old."""
_GLIMPSE = 8 << 10
"""How much of what came on a connection is looked at before it is let in, while there is a flood; bytes."""


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
            data = connection.recv(_GLIMPSE, socket.MSG_PEEK | socket.MSG_DONTWAIT)
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

"""Limits the connections to the live page, so that the run always has file descriptors left."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

MAX_CONNECTIONS = 64
"""At most this many connections are served at a time; requests on further connections are answered with 503."""
_MAX_SOCKETS = 4 * MAX_CONNECTIONS
"""At most this many connections are open at a time, including those that have not shown the token yet."""
_MIN_SECONDS = 0.1
"""A connection without a valid request may be closed for a newer one once it is this old, s."""
_MIN_PASSES = 4
"""The event loop has also had this many passes since then: a busy loop may not have read the request yet."""
_FULL_PAUSE = 0.001
"""The event loop sleeps this long if all sockets are in use and none may be closed yet, so that it does not spin; s."""
_SEND_BUFFER = 128 << 10
"""The size of the system's send buffer of a connection, bytes: pictures in a larger buffer would be old when read."""
_PEEK_BYTES = 8 << 10
"""During a flood, this many bytes of a new connection are checked before it is accepted."""


class LimitedListener(socket.socket):
    """A listening socket that limits how many connections are open.

    At the limit it does not refuse new connections. It closes the oldest connections that have not sent a valid request
    instead, so that silent connections, however many, cannot keep others out.

    All methods are called in the page's event loop. `admitted` alone is also read from other threads, which needs no
    lock: it is the length of a set.

    Attributes:
        is_flood: checks the first bytes of a connection and returns whether they belong to a flood, so that the
            connection is closed before it costs more; None if the bytes are encrypted and cannot be checked.
    """

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._open: list[socket.socket] = []
        self._accepted: dict[int, tuple[float, int]] = {}  # by descriptor: the time, and the pass of the event loop
        self._passes = 0
        self.is_flood: Callable[[bytes], bool] | None = None
        self._admitted: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether every place is taken."""
        return len(self._admitted) >= MAX_CONNECTIONS

    @property
    def admitted(self) -> int:
        """The number of connections that have a place."""
        return len(self._admitted)

    def accept(self) -> tuple[socket.socket, Any]:
        """Accepts the next connection.

        Returns:
            The connection's socket and the client's address.

        Raises:
            BlockingIOError: no connection waits, or all sockets are in use and some must be closed first.
        """
        try:
            return self._accept_limited()
        except BlockingIOError:  # ends the accepting in one pass of the event loop
            self._passes += 1
            raise

    def _accept_limited(self) -> tuple[socket.socket, Any]:
        if len(self._open) >= _MAX_SOCKETS:
            self._open = [each for each in self._open if each.fileno() >= 0]
            if len(self._open) >= _MAX_SOCKETS:
                self._close_silent()
                raise BlockingIOError
        connection, address = super().accept()
        for _ in range(_MAX_SOCKETS):
            if not self._belongs_to_flood(connection):
                break
            connection.close()
            connection, address = super().accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._open.append(connection)
        self._accepted[connection.fileno()] = monotonic(), self._passes
        return connection, address

    def _belongs_to_flood(self, connection: socket.socket) -> bool:
        """Returns whether a connection belongs to a flood, judged by the bytes that have already arrived on it."""
        if self.is_flood is None or not self.is_flood(b""):
            return False
        try:
            data = connection.recv(_PEEK_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:  # the client has closed it
            return True
        return self.is_flood(data)

    def _close_silent(self) -> None:
        silent = [each for each in self._open if self._is_silent(each.fileno())]
        for each in silent:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # its protocol object sees the end and closes it
        if not silent:
            sleep(_FULL_PAUSE)

    def _is_silent(self, descriptor: int) -> bool:
        accepted_at, accepted_pass = self._accepted[descriptor]
        old = monotonic() - accepted_at > _MIN_SECONDS and self._passes - accepted_pass > _MIN_PASSES
        return old and descriptor not in self._admitted

    def admit(self, descriptor: int) -> bool:
        """Gives a place to a connection.

        Args:
            descriptor: the connection's file descriptor.

        Returns:
            False if all places are taken.
        """
        if descriptor not in self._admitted and self.full:
            return False
        self._admitted.add(descriptor)
        return True

    def release(self, descriptor: int) -> None:
        """Frees the place of a connection that ends.

        Args:
            descriptor: the connection's file descriptor; a connection without a place is ignored.
        """
        self._admitted.discard(descriptor)

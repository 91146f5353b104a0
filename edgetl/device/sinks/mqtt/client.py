"""Limits paho's MQTT client to short packets, and explains why a connection fails."""

from __future__ import annotations

import socket
import ssl

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

_MAX_PACKET = 64
"""A packet from the broker has at most this many bytes after its header; without subscriptions the longest has 2."""


class BoundedClient(Client):
    """A paho client that closes the connection instead of reading a long packet, which would be held in memory.

    `_oversized` is used in paho's thread only, so it needs no lock.

    Args:
        client_id: the client's name at the broker.
    """

    def __init__(self, client_id: str) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._oversized = False

    def take_oversized(self) -> bool:
        """Returns whether a packet was too long since the last call."""
        oversized, self._oversized = self._oversized, False
        return oversized

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > _MAX_PACKET:  # paho asks for all bytes that the packet still has
            self._oversized = True
            raise ConnectionAbortedError(f"the broker sends a packet of {bufsize:,} bytes")
        return super()._sock_recv(bufsize)


def connection_failure(error: BaseException | None) -> str:
    """Returns why the broker can't be reached and what to do about it, as the end of a log line.

    Args:
        error: the error that the attempt to connect raised; None if it is unknown.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or error.reason
        return f"its TLS certificate is refused ({reason}); name the authority that signed it with --mqtt-ca"
    if isinstance(error, ssl.SSLError):
        return f"TLS can't be spoken with it ({error.reason or error}); check the port, or write mqtt:// without TLS"
    if isinstance(error, socket.gaierror):
        return f"its name can't be resolved ({error.strerror}); check the address"
    if isinstance(error, ConnectionRefusedError):
        return "no program listens at that port; check the port, and whether the broker runs"
    return "it doesn't answer"

"""Parses where the live page is served, and opens its port."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgetl.device.sinks.page.token import make_token, read_token
from edgetl.errors import EdgetlError, UsageError

_LOOPBACK = "127.0.0.1"
_EXAMPLE = "name a port, as in --serve 8080, or an address too, as in --serve 0.0.0.0:8080"


S = TypeVar("S", bound=socket.socket)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of the page, its token and its certificate.

    Attributes:
        host: a name or an address of this machine.
        port: the TCP port; 0 lets the system choose one.
        token: the token that a viewer must know; None, on the loopback only, admits everybody on this machine.
        made: whether the token was made for this run, so that it has to be printed.
        certificate: the PEM file of the TLS certificate; None serves plain HTTP.
        key: the PEM file of the certificate's key; None if the certificate's file holds the key too.
    """

    host: str = _LOOPBACK
    port: int = 8080
    token: str | None = None
    made: bool = False
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def parse(
        cls, address: str, token_file: Path | None = None, certificate: Path | None = None, key: Path | None = None
    ) -> Endpoint:
        """Parses the options of the command line.

        Args:
            address: `PORT`, `HOST:PORT` or `[IPV6]:PORT`; without a host the page is served on the loopback.
            token_file: the file that holds the token; None makes a token if other machines can reach the address.
            certificate: the PEM file of the TLS certificate; None serves plain HTTP.
            key: the PEM file of the certificate's key; None if the certificate's file holds the key too.

        Raises:
            UsageError: the address can't be parsed, the token is too short, or a file can't be read.
        """
        host, port = _split(address)
        for path in (certificate, key):
            if path and not path.is_file():
                raise UsageError("there is no such file", where=str(path), remedy="name a PEM file")
        if key and not certificate:
            raise UsageError("a key without its certificate", where=str(key), remedy="name it with --tls-cert")
        if token_file:
            return cls(host, port, read_token(token_file), False, certificate, key)
        token = None if is_loopback(host) else make_token()
        return cls(host, port, token, token is not None, certificate, key)

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.certificate else "http"

    def url(self) -> str:
        """Returns the URL to open in a browser."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def listen(self, make_socket: Callable[..., S]) -> S:
        """Opens the port.

        Args:
            make_socket: makes the socket from its family, type and protocol.

        Returns:
            The socket, which listens and does not block.

        Raises:
            UsageError: the host is not an address of this machine.
            EdgetlError: another program uses the port, or the port needs more rights.
        """
        where = f"{self.host}:{self.port}"
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            listening = make_socket(family, kind, protocol)
        except OSError as error:
            raise UsageError(
                f"{self.host} is not an address of this machine: {error.strerror}", where=where, remedy=_EXAMPLE
            ) from error
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
            listening.setblocking(False)
        except OSError as error:
            listening.close()
            other = self.port + 1 if 1023 < self.port < 65535 else 8080
            remedy = f"choose another port, for example --serve {other}, or 0 for any free port"
            raise EdgetlError(f"can't serve the page: {error.strerror}", where=where, remedy=remedy) from error
        return listening

    def check_certificate(self) -> None:
        """Checks the certificate and its key; does nothing if the page is served without TLS.

        Raises:
            UsageError: the files are not a certificate and its key.
        """
        if self.certificate is None:
            return
        try:
            # With an empty password an encrypted key is refused; without one OpenSSL would ask for it on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")
        except (ssl.SSLError, OSError) as error:
            what, remedy = (
                f"the files are not a certificate and its key: {error}",
                "give PEM files to --tls-cert and --tls-key",
            )
            raise UsageError(what, where=str(self.certificate), remedy=remedy) from error


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach an address; false for a name that can't be resolved here.

    Args:
        host: a host name or an IP address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
    except (OSError, ValueError):
        return False


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if (":" in address and not host) or not _is_port(port):
        raise UsageError(f"{address!r} is not an address to serve at", where="--serve", remedy=_EXAMPLE)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError("an IPv6 address needs brackets", where="--serve", remedy=f"write it as [{host}]:{port}")
    return host or _LOOPBACK, int(port)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len("65535") and int(text) <= 65535

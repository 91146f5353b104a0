"""Where the live page is served, and to whom."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgetl.errors import EdgetlError, UsageError
from edgetl.files import local_path

_LOOPBACK = "127.0.0.1"
_SHORTEST_TOKEN = 16
_LONGEST_FILE = 4096
"""Bytes of a token's file that are read at most: more is another file or a device, named by mistake."""
_EXAMPLE = "name a port, as in --serve 8080, or an address too, as in --serve 0.0.0.0:8080"


S = TypeVar("S", bound=socket.socket)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the page is served.

    Attributes:
        host: a name or an address of this machine.
        port: 0 lets the system choose one.
        token: whoever knows it may look; None, on the loopback only, lets in whoever is on this machine.
        made: whether the token was made for this run, so that its owner has yet to be told.
        certificate: of TLS, a PEM file; None serves plain HTTP.
        key: the certificate's, where it isn't in the same file.
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
        """Makes one of what a person asked for.

        Args:
            address: `PORT`, `HOST:PORT` or `[IPV6]:PORT`; without a host it is this machine's loopback.
            token_file: holds the token; None makes one where the address can be reached from elsewhere.
            certificate: a PEM file.
            key: likewise.

        Raises:
            UsageError: the address is none, the token can be guessed, or a file can't be read.
        """
        host, port = _split(address)
        for path in (certificate, key):
            if path and not path.is_file():
                raise UsageError("there is no such file", where=str(path), remedy="name a PEM file")
        if key and not certificate:
            raise UsageError("a key without its certificate", where=str(key), remedy="name it with --tls-cert")
        if token_file:
            return cls(host, port, _read_token(token_file), False, certificate, key)
        token = None if is_loopback(host) else secrets.token_urlsafe(16)
        return cls(host, port, token, token is not None, certificate, key)

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.certificate else "http"

    def url(self) -> str:
        """Returns what to type into a browser."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def listen(self, listening: Callable[..., S]) -> S:
        """Opens the port.

        Args:
            listening: makes the socket.

        Raises:
            UsageError: the address isn't this machine's.
            EdgetlError: the port is taken, or not for everyone.
        """
        where = f"{self.host}:{self.port}"
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            opened = listening(family, kind, protocol)
        except OSError as error:
            raise UsageError(
                f"{self.host} is no address here: {error.strerror}", where=where, remedy=_EXAMPLE
            ) from error
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(128)
            opened.setblocking(False)
        except OSError as error:
            opened.close()
            remedy = (
                f"choose another one, say --serve {self.port + 1 if 1023 < self.port < 65535 else 8080}, or 0 for any"
            )
            raise EdgetlError(f"can't serve the page: {error.strerror}", where=where, remedy=remedy) from error
        return opened

    def check_certificate(self) -> None:
        """Sees whether TLS can be spoken, where it is to be.

        Raises:
            UsageError: the files are no certificate and its key.
        """
        if self.certificate is None:
            return
        try:
            # With an empty password an encrypted key is refused; without one OpenSSL would ask for it on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")
        except (ssl.SSLError, OSError) as error:
            what, remedy = f"no certificate with its key: {error}", "give PEM files to --tls-cert and --tls-key"
            raise UsageError(what, where=str(self.certificate), remedy=remedy) from error


def is_loopback(host: str) -> bool:
    """Says whether an address can be reached from this machine alone; a name that isn't known here can't."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
    except (OSError, ValueError):
        return False


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if (":" in address and not host) or not _is_port(port):
        raise UsageError(f"{address!r} is no address to serve at", where="--serve", remedy=_EXAMPLE)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError("an IPv6 address wants brackets", where="--serve", remedy=f"write it [{host}]:{port}")
    return host or _LOOPBACK, int(port)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len("65535") and int(text) <= 65535


def _read_token(path: Path) -> str:
    try:
        with local_path(path).open("rb") as file:
            token = file.read(_LONGEST_FILE).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"can't read the token: {reason}", where=str(path), remedy="name a text file") from error
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        what = f"the token must be {_SHORTEST_TOKEN} or more letters, digits and signs, without spaces"
        remedy = f"make one: openssl rand -hex 16 > {path}"
        raise UsageError(what, where=str(path), remedy=remedy)
    return token

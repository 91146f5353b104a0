"""Where an MQTT broker is, and who says so."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edgetl.errors import UsageError
from edgetl.files import local_path
from edgetl.text import printable

PASSWORD = "EDGETL_MQTT_PASSWORD"
"""The environment variable that a password is taken from."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LONGEST_FILE = 4096
"""Bytes of a password file that are read at most: more is another file or a device, named by mistake."""
_REMEDY = "write it as mqtt://user@host:1883/prefix, or mqtts:// for TLS"


@dataclass(frozen=True, slots=True)
class Address:
    """A broker, and the prefix of the topics there.

    Attributes:
        host: of the broker.
        port: of the broker.
        tls: whether it is spoken to through TLS, its certificate checked.
        prefix: of all topics but Home Assistant's.
        user: to log in as; empty for none.
        password: of the user; empty for none. Never shown.
        ca: certificates to check the broker's by, a PEM file; None takes the system's.
    """

    host: str
    port: int
    tls: bool
    prefix: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}/{self.prefix}"

    @classmethod
    def parse(cls, url: str, *, password_file: Path | None = None, ca: Path | None = None) -> Address:
        """Reads `mqtt://[user[:password]@]host[:port][/prefix]`, or `mqtts://…`.

        Args:
            url: to read.
            password_file: holds the password, in its first line. Without it the variable `PASSWORD` of the environment
                counts, then the URL's own.
            ca: see the attribute.

        Raises:
            UsageError: it isn't such, or a file can't be read. It tells neither user nor password.
        """
        shown = url.rpartition("@")[2]
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
            parts = urlsplit("")
        if parts.scheme not in _PORTS or not host:
            raise UsageError("this is no MQTT broker's address", where=shown, remedy=_REMEDY)
        prefix = unquote(parts.path).strip("/") or "edgetl"
        if any(letter in url for letter in "#?") or not _is_prefix(prefix):
            what = "a prefix of MQTT topics has no +, #, ?, control characters or empty levels"
            what += "; a password has them percent-encoded"
            raise UsageError(what, where=shown, remedy=_REMEDY)
        own = unquote(parts.password or "")
        password = _first_line(password_file) if password_file else os.environ.get(PASSWORD, own)
        tls = parts.scheme == "mqtts"
        if ca and not tls:
            raise UsageError("--mqtt-ca is for mqtts:// only", where=shown, remedy="write mqtts://, or leave it out")
        _check_ca(ca)
        return cls(host, port or _PORTS[parts.scheme], tls, prefix, unquote(parts.username or ""), password, ca)


def _is_prefix(prefix: str) -> bool:
    return "+" not in prefix and "" not in prefix.split("/") and printable(prefix) == prefix


def _first_line(path: Path) -> str:
    try:
        with local_path(path).open("rb") as file:
            lines = file.read(_LONGEST_FILE).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        remedy = "name a file whose first line is the password"
        raise UsageError(f"the broker's password can't be read: {reason}", where=str(path), remedy=remedy) from error
    return lines[0] if lines else ""


def _check_ca(path: Path | None) -> None:
    try:
        ssl.create_default_context(cafile=str(local_path(path)) if path else None)
    except OSError as error:
        what, remedy = "the certificates can't be read", "name a PEM file with --mqtt-ca"
        raise UsageError(what, where=str(path), remedy=remedy) from error

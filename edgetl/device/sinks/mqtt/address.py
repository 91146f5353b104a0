"""Parses the address of an MQTT broker, its login and its certificates."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edgetl.device.sinks.secret_file import read_secret
from edgetl.errors import UsageError
from edgetl.files import local_path
from edgetl.text import printable

PASSWORD = "EDGETL_MQTT_PASSWORD"
"""The environment variable that holds the password."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_REMEDY = "write it as mqtt://user@host:1883/prefix, or mqtts:// for TLS"


@dataclass(frozen=True, slots=True)
class Address:
    """A broker, the login there, and the prefix of the topics.

    Attributes:
        host: the broker's host name or IP address.
        port: the broker's TCP port.
        tls: whether the connection uses TLS and checks the broker's certificate.
        prefix: the prefix of all topics but those of Home Assistant's discovery.
        user: the user name; empty for a login without one.
        password: the user's password; empty for none. `str` and `repr` do not show it.
        ca: a PEM file of the authorities that may have signed the broker's certificate; None takes the system's.
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
        """Parses `mqtt://[user[:password]@]host[:port][/prefix]`, or `mqtts://…` for TLS.

        Args:
            url: the URL to parse.
            password_file: the file whose first line is the password. If it is None, the environment variable `PASSWORD`
                is used, and if that is not set, the password in the URL.
            ca: a PEM file of the authorities that may have signed the broker's certificate; None takes the system's.

        Raises:
            UsageError: the URL can't be parsed, or a file can't be read. The message shows neither user nor password.
        """
        shown = url.rpartition("@")[2]
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
            parts = urlsplit("")
        if parts.scheme not in _PORTS or not host:
            raise UsageError("this is not the address of an MQTT broker", where=shown, remedy=_REMEDY)
        prefix = unquote(parts.path).strip("/") or "edgetl"
        if any(letter in url for letter in "#?") or not _is_prefix(prefix):
            what = "a prefix of MQTT topics can't hold +, #, ?, control characters or empty levels"
            what += "; in a password, write # and ? percent-encoded"
            raise UsageError(what, where=shown, remedy=_REMEDY)
        if password_file:
            password = _first_line(password_file)
        else:
            password = os.environ.get(PASSWORD, unquote(parts.password or ""))
        tls = parts.scheme == "mqtts"
        if ca and not tls:
            raise UsageError("--mqtt-ca is for mqtts:// only", where=shown, remedy="write mqtts://, or leave it out")
        _check_ca(ca)
        return cls(host, port or _PORTS[parts.scheme], tls, prefix, unquote(parts.username or ""), password, ca)


def _is_prefix(prefix: str) -> bool:
    return "+" not in prefix and "" not in prefix.split("/") and printable(prefix) == prefix


def _first_line(path: Path) -> str:
    remedy = "name a file whose first line is the password"
    lines = read_secret(path, "the broker's password can't be read", remedy).splitlines()
    return lines[0] if lines else ""


def _check_ca(path: Path | None) -> None:
    try:
        ssl.create_default_context(cafile=str(local_path(path)) if path else None)
    except OSError as error:
        what, remedy = "the certificates can't be read", "name a PEM file with --mqtt-ca"
        raise UsageError(what, where=str(path), remedy=remedy) from error

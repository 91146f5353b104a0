"""Addresses of network cameras: hides the password in messages, and puts the user's password in for FFmpeg."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from edgetl.errors import UsageError
from edgetl.files import local_path, read_regular

if TYPE_CHECKING:
    from edgetl.device.camera.source import Source

PASSWORD = "EDGETL_CAMERA_PASSWORD"
"""The environment variable that holds the password of the user whom a camera's address names."""
_MOST_BYTES = 4096
"""A password file may have at most this many bytes: a larger one is another file, named by mistake."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""The scheme of an address with its colon and slashes."""
_MISTYPED = re.compile(r"[a-z][a-z0-9+.-]+(?::[/\\]+|[/\\]{2,})", re.IGNORECASE)
"""The scheme of an address whose colon or slashes may be mistyped."""
_SECRET = re.compile(r"((?:pas|psw|pw|key|secret|token|auth)[^=&/?]*=)[^&]*", re.IGNORECASE)
"""A password, a key or a token in a query or a path, where some cameras take it."""
_AUTHORITY = re.compile(r"[^/?#]*")
"""The part of an address between its scheme and its path."""
_NO_PORT = re.compile(r":(?!\d*$).*")
"""The text after a colon that is no port: a password whose @ was forgotten or written as %40."""


def is_address(source: str) -> bool:
    """Says whether a source is an address, such as `rtsp://10.0.0.7/stream`, rather than a path."""
    return _ADDRESS.match(source) is not None


def without_password(source: str) -> str:
    """Returns a source for a message: without user and password, even if it is a mistyped address.

    Args:
        source: an address, or any text in the place of one. A path that exists is returned unchanged.
    """
    if not is_address(source) and _exists(source):
        return source
    start = _MISTYPED.match(source)
    prefix = start[0] if start else ""
    rest = source[len(prefix) :]
    # User and password may hold any character, even an @ or a slash, so they end at the last @.
    before, at, host = rest.rpartition("@")
    if not at or not (prefix or ":" in before):
        host = rest
    authority = _authority(host) if prefix else ""
    shown = (_NO_PORT.sub(":…", authority) if not authority.startswith("[") else authority) + host[len(authority) :]
    return prefix + _SECRET.sub(r"\1…", shown)


def _exists(path: str) -> bool:
    try:
        return local_path(path).exists()
    except (OSError, ValueError):  # the text is too long for a path, or has a zero byte
        return False


def _authority(rest: str) -> str:
    """Returns the part of an address between its scheme and its path."""
    found = _AUTHORITY.match(rest)
    return found[0] if found else ""


def _split_login(address: str) -> tuple[str, str, str]:
    """Returns the scheme with its `://`, the user with the password, and the rest after their @.

    User and password may hold a slash, a # or a ? if the text before that character is no host with a port, or if a
    colon follows.
    """
    start = _ADDRESS.match(address)
    scheme = start[0] if start else ""
    rest = address[len(scheme) :]
    authority = _authority(rest)
    if "@" in authority:
        user, _, host = authority.rpartition("@")
        return scheme, user, host + rest[len(authority) :]
    user, at, host = rest.rpartition("@")
    if at and not authority.startswith("[") and (_NO_PORT.search(authority) or ":" in user[len(authority) :]):
        return scheme, user, host
    return scheme, "", rest


def names_user(source: str) -> bool:
    """Says whether a source is an address that names a user to log in as."""
    return is_address(source) and _split_login(source)[1].partition(":")[0] != ""


def holds_password(address: str) -> bool:
    """Says whether an address holds a password, a key or a token, also one of another scheme than a camera's.

    Args:
        address: the address, or any other text.
    """
    _, login, rest = _split_login(address)
    return is_address(address) and (":" in login or _SECRET.search(rest) is not None)


def with_password(address: str, password: str | None) -> str:
    """Returns an address for FFmpeg, in which user and password are percent-encoded.

    Args:
        address: the address, with or without a user and a password.
        password: the password that replaces the one in the address, if the address names a user; None leaves it.
    """
    scheme, login, rest = _split_login(address)
    user, colon, written = login.partition(":")
    if not user:
        return address
    secret = quote(written, safe="%") if password is None else quote(password, safe="")
    return f"{scheme}{quote(user, safe='%')}{':' if colon or password is not None else ''}{secret}@{rest}"


def read_password(file: Path | None, source: Source) -> str | None:
    """Reads the password of a camera's user from a file or from the environment.

    On the command line every user of the machine could read it.

    Args:
        file: a text file whose first line is the password; None reads the environment variable `PASSWORD`.
        source: the source of the frames.

    Returns:
        The password; None if there is neither a file nor the variable.

    Raises:
        UsageError: the file can't be read, or the source is not an address that names a user.
    """
    if file is None:
        return os.environ.get(PASSWORD)
    if not names_user(source.text):
        what = "--camera-password-file is for a camera's address that names a user"
        raise UsageError(what, where=source.shown, remedy="write it as rtsp://USER@HOST/PATH")
    try:
        lines = read_regular(local_path(file), _MOST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        what = f"the camera's password can't be read: {reason}"
        raise UsageError(what, where=str(file), remedy="name a file whose first line is the password") from error
    return lines[0] if lines else ""

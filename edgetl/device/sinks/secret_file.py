"""Reads a file that holds a secret: the page's token or the MQTT broker's password."""

from __future__ import annotations

from pathlib import Path

from edgetl.errors import UsageError
from edgetl.files import local_path

_MAX_BYTES = 4096
"""At most this many bytes are read: a longer file is another file or a device that was named by mistake."""


def read_secret(path: Path, failure: str, remedy: str) -> str:
    """Returns the text at the beginning of a file, at most 4,096 bytes of it.

    Args:
        path: the file to read, in UTF-8.
        failure: the beginning of the error's message, for example "can't read the token"; the reason follows it.
        remedy: the remedy in the error's message.

    Raises:
        UsageError: the file can't be read, or it is not UTF-8; the message does not show the text.
    """
    try:
        with local_path(path).open("rb") as file:
            return file.read(_MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{failure}: {reason}", where=str(path), remedy=remedy) from error

"""Reads the JSON files that belong to a model: bounded in size, and with a known schema version."""

from __future__ import annotations

import json
from pathlib import Path

from edgetl.errors import ModelError
from edgetl.files import read_regular

LARGEST = 64 << 20
"""A JSON file that belongs to a model may have at most this many bytes; edgetl writes up to a million."""
_MOST_DIGITS = 4300
"""A whole number may have at most this many digits, which is Python's own bound."""
REMEDY = "restore the file from where it was made, or train or convert again"
"""The remedy for a card, a manifest or a report that can't be used."""


def read_json(path: Path) -> object:
    """Reads a JSON file that belongs to a model.

    Args:
        path: the file.

    Raises:
        ModelError: the file is missing, isn't a regular file, has more than `LARGEST` bytes, or isn't JSON.
    """
    try:
        return json.loads(read_regular(path, LARGEST).decode("utf-8"), parse_int=_whole_number)
    except FileNotFoundError as error:
        raise ModelError(f"{path.name} is missing", where=str(path), remedy=REMEDY) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} can't be read: {_reason(error)}", where=str(path), remedy=REMEDY) from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its lists or tables are nested too deeply"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"it is not valid JSON: {error}"


def check_version(data: object, version: int, where: str) -> None:
    """Refuses a document of an unknown schema version before any other key is read.

    Args:
        data: the parsed document.
        version: the version that is known.
        where: path of the file, for messages.

    Raises:
        ModelError: the document isn't a table, or its schema version is unknown.
    """
    found = data.get("schema") if isinstance(data, dict) else None
    if found != version:
        raise ModelError(
            f"schema version {found!r} is unknown to this edgetl, which reads {version}",
            where=where,
            remedy="use the edgetl that wrote it, or update this one",
        )


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:  # Python's own message is meant for programmers
        raise ValueError(f"a number has {len(digits):,} digits")
    return int(digits)

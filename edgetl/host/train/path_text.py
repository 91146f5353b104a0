"""Writes paths as text that `train.toml` can hold, even if they aren't UTF-8."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_URI = "file://"


def path_to_text(path: str) -> str:
    """Returns a path as text that UTF-8 can encode: the path itself, or its `file:` URI."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _URI + quote_from_bytes(os.fsencode(Path(path).absolute()))
    return path


def path_from_text(text: str) -> str:
    """Returns the path that `path_to_text` wrote."""
    return os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))) if text.startswith(f"{_URI}/") else text

"""Whether a download of ImageNet's weights failed lately, so that a machine without a network asks only once a day."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from edgetl.errors import EdgetlError
from edgetl.files import write_atomic
from edgetl.host.dataset.photos import cache_folder

_FILE = "imagenet-not-downloaded"
_SECONDS = 24 * 3600
"""After this time a download is tried again, s."""


def note_failure() -> None:
    """Notes that a download failed just now."""
    with suppress(EdgetlError):  # a cache that can't be written to costs another try, no more
        write_atomic(cache_folder() / _FILE, "")


def failed_lately() -> bool:
    """Says whether a download failed within a day, and no file has come into Keras's cache since."""
    try:
        failed = (cache_folder() / _FILE).stat().st_mtime
    except OSError:
        return False
    files = (Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models").glob("*")
    return 0 <= time.time() - failed < _SECONDS and not any(_arrived(file) > failed for file in files)


def _arrived(file: Path) -> float:
    """When a file came to its place, whatever time of change it was copied with; s since 1970."""
    try:
        return file.stat().st_ctime
    except OSError:
        return 0.0

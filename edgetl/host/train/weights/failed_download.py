"""Remembers that a download of ImageNet's weights failed, so that a machine without a network tries it once a day."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from edgetl.errors import EdgetlError
from edgetl.files import write_atomic
from edgetl.host.dataset.photos import cache_folder
from edgetl.host.train.weights.keras_cache import keras_models_folder

_FILE = "imagenet-not-downloaded"
_RETRY_SECONDS = 24 * 3600
"""A download is tried again after this time, s: a day, because a network seldom appears sooner."""


def note_failure() -> None:
    """Remembers that a download failed just now."""
    with suppress(EdgetlError):  # if the cache can't be written, the next training tries the download again
        write_atomic(cache_folder() / _FILE, "")


def failed_lately() -> bool:
    """Returns whether a download failed within a day, and no file has been added to Keras's cache since."""
    try:
        failed = (cache_folder() / _FILE).stat().st_mtime
    except OSError:
        return False
    files = keras_models_folder().glob("*")
    return 0 <= time.time() - failed < _RETRY_SECONDS and not any(_added(file) > failed for file in files)


def _added(file: Path) -> float:
    """Returns when a file was put into its folder, s since 1970, even if it was copied with an older time."""
    try:
        return file.stat().st_ctime
    except OSError:
        return 0.0

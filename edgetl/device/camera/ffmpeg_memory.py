"""Limits the memory that FFmpeg takes for a stream or a film, whatever the file's headers announce."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

STREAM_BYTES = 128 << 20
"""The largest single allocation for a stream, bytes: room for a picture of 8K, encoded or decoded."""
FILM_BYTES = 512 << 20
"""The largest single allocation for a film, bytes: its index is one allocation and takes some 60 MB for a day."""

_MAPPED = Path("/proc/self/maps")
"""Linux's list of the libraries that this process has loaded."""


def bound_memory(most: int) -> None:
    """Makes OpenCV's FFmpeg refuse every single allocation above a limit, as if the memory were exhausted.

    OpenCV has no option for it, so FFmpeg's own function is called in the library that OpenCV has loaded. If that
    library isn't found, as on other systems than Linux, nothing is limited.

    Args:
        most: the largest allocation, bytes.
    """
    for library in _libraries():
        with suppress(OSError, AttributeError):
            ctypes.CDLL(library).av_max_alloc(ctypes.c_size_t(most))


def _libraries() -> set[str]:
    """Returns the paths of FFmpeg's libavutil in this process, without that of PyAV, which only writes films."""
    try:
        lines = _MAPPED.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return set()
    paths = {line[line.index("/") :] for line in lines if "libavutil" in line}
    return {path for path in paths if "/av.libs/" not in path}

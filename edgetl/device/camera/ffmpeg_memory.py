"""A bound on the memory that FFmpeg takes, whatever the headers of a stream or a film announce."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

STREAM_BYTES = 128 << 20
"""At most so much memory goes into one thing of a stream, such as a picture as it came or as it was decoded."""
FILM_BYTES = 512 << 20
"""The same of a film: its index is one thing, too, and takes some 60 MB for a day."""

_MAPPED = Path("/proc/self/maps")


def bound_memory(most: int) -> None:
    """Has OpenCV's FFmpeg refuse every single allocation above a bound, as if there were no more memory.

    OpenCV has no option for it, so FFmpeg's own function is called in the library that OpenCV has loaded. Where that
    isn't found, as on other systems than Linux, nothing is bounded.

    Args:
        most: bytes.
    """
    for library in _libraries():
        with suppress(OSError, AttributeError):
            ctypes.CDLL(library).av_max_alloc(ctypes.c_size_t(most))


def _libraries() -> set[str]:
    """Returns the paths of FFmpeg's libavutil in this process, without the one of PyAV, which only writes films."""
    try:
        lines = _MAPPED.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return set()
    paths = {line[line.index("/") :] for line in lines if "libavutil" in line}
    return {path for path in paths if "/av.libs/" not in path}

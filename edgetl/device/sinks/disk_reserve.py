"""Disk space that is reserved before it is needed, so that a film can always be ended properly."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

_KEEP_SIZE = 1
"""Linux's FALLOC_FL_KEEP_SIZE: blocks are reserved beyond the end of a file, whose size stays."""
_STEP = 4 << 20
"""How much more than what is needed is reserved at a time, where there is room, so that it happens seldom; bytes."""


class DiskReserve:
    """Reserves the disk space that a growing file is going to need.

    Where the file system can reserve blocks, no other program can take them away, not even all at once. Elsewhere the
    free space is compared with what is needed.

    Args:
        path: an existing file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("r+b")
        self._end = 0
        self._reserves = sys.platform == "linux"

    def ahead(self, needed: int) -> bool:
        """Says whether the file can grow; the space stays reserved until `close`.

        Args:
            needed: bytes that the file may grow by.
        """
        end = os.fstat(self._file.fileno()).st_size + needed
        if self._reserves and (end <= self._end or self._reserve(end + _STEP) or self._reserve(end)):
            return True
        return not self._reserves and shutil.disk_usage(self._path.parent).free >= needed

    def _reserve(self, end: int) -> bool:
        allocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
        if allocate is None:
            self._reserves = False
            return False
        offset, length = ctypes.c_int64(self._end), ctypes.c_int64(end - self._end)
        while allocate(self._file.fileno(), _KEEP_SIZE, offset, length) != 0:
            error = ctypes.get_errno()
            if error in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return False
            if error != errno.EINTR:
                self._reserves = False  # the file system can't
                return False
        self._end = end
        return True

    def close(self) -> None:
        """Gives back what was reserved and not used."""
        os.ftruncate(self._file.fileno(), os.fstat(self._file.fileno()).st_size)
        self._file.close()

"""Reserves disk space before it is needed, so that a film can always be completed."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

_KEEP_SIZE = 1
"""Linux's FALLOC_FL_KEEP_SIZE: the blocks are reserved beyond the end of a file, and the file keeps its size."""
_STEP = 4 << 20
"""This much more than needed is reserved if there is room, bytes, so that the system is called less often."""


class DiskReserve:
    """Reserves the disk space that a growing file will need.

    If the file system can reserve blocks, no other program can take them. If it can't, the free space is compared with
    the space needed.

    Args:
        path: the file, which exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("r+b")
        self._reserved_to = 0  # the end of the reserved space, bytes from the start of the file
        self._reserves = sys.platform == "linux"

    def reserve(self, needed: int) -> bool:
        """Reserves space until `close`, and returns whether the file can grow.

        Args:
            needed: the number of bytes by which the file may grow.
        """
        end = os.fstat(self._file.fileno()).st_size + needed
        if self._reserves and (end <= self._reserved_to or self._allocate(end + _STEP) or self._allocate(end)):
            return True
        return not self._reserves and shutil.disk_usage(self._path.parent).free >= needed

    def _allocate(self, end: int) -> bool:
        allocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
        if allocate is None:
            self._reserves = False
            return False
        offset, length = ctypes.c_int64(self._reserved_to), ctypes.c_int64(end - self._reserved_to)
        while allocate(self._file.fileno(), _KEEP_SIZE, offset, length) != 0:
            error = ctypes.get_errno()
            if error in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return False
            if error != errno.EINTR:
                self._reserves = False  # the file system can't reserve blocks
                return False
        self._reserved_to = end
        return True

    def close(self) -> None:
        """Releases the reserved space that the file has not used."""
        os.ftruncate(self._file.fileno(), os.fstat(self._file.fileno()).st_size)
        self._file.close()

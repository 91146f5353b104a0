"""Locks between processes: one holder at a time, and free at once when the holder ends, however it ends.

They are `flock` locks: the kernel releases them with the process, so that no killed command blocks the next one. On a
file system or platform without `flock` nothing is locked.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.text import printable

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL, errno.ENOSYS)
"""Errors of a file system that has no such locks; NFS, for one, locks no folder."""
_NOTHING = -1
"""Stands for a lock where there are none."""
_LONGEST_NOTE = 200
"""At most this many bytes of a lock file are shown, in case that the file is not one of ours."""


_TRIES, _PAUSE = 20, 0.01
"""So often, and after so many seconds each, a lock is tried for whose holder left no note."""


class BusyError(UsageError):
    """Another process holds the lock that a command needs."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Waits for the lock of a folder, and holds it while the block runs; for work of milliseconds.

    Nothing is written. A folder that isn't there isn't locked. The lock is not reentrant.

    Args:
        folder: the folder to lock; its lock moves with it when it is renamed.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield  # whoever reads or writes there meets the error itself
        return
    try:
        _flock(handle, wait=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def named_lock(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Holds the lock file `path` while the block runs; it names this process, and is removed at the end.

    Args:
        path: the lock file, in a folder that exists.
        what: what another holder is doing, for the message, e.g. `'parts' is being trained`.
        remedy: what the user can do about it.

    Raises:
        BusyError: another process holds it; the message names that process.
        OSError: the lock file can't be made.
    """
    handle = _take(path, what, remedy)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(
            handle, f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%F %T')}".encode(), 0
        )
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _note() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"


def _take(path: Path, what: str, remedy: str) -> int:
    for left in reversed(range(_TRIES)):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if _flock(handle, wait=False):
            if _is_at(handle, path):
                return handle
            holder = ""  # the last holder removed the file in the meantime
        else:
            holder = os.read(handle, _LONGEST_NOTE).decode("ascii", "replace")
        os.close(handle)
        if holder or not left:
            break
        time.sleep(_PAUSE)  # a holder without a note is only about to write it, or removes a leftover
    raise BusyError(f"{what} by {printable(holder) or 'another process'}", where=str(path), remedy=remedy)


def lock_open(handle: int) -> bool:
    """Locks an open file until it is closed, without waiting; says whether no other process holds its lock.

    Args:
        handle: the file's descriptor.
    """
    return _flock(handle, wait=False)


def claim(path: Path, *, certain: bool) -> int | None:
    """Locks a file or folder that exists, without waiting.

    Args:
        path: the file or folder.
        certain: whether None is wanted on a file system without locks, where nobody knows of other owners.

    Returns:
        An open file descriptor that holds the lock until it is closed by `release`; None if a living process holds the
        lock or the path is gone.
    """
    if sys.platform == "win32":
        return None if certain else _NOTHING
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if _flock(handle, wait=False, unsupported=not certain) and _is_at(handle, path):
        return handle
    os.close(handle)
    return None


def release(handle: int) -> None:
    """Ends a lock that `claim` took."""
    if handle != _NOTHING:
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Says whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except OSError:
        return False


def _flock(handle: int, *, wait: bool, unsupported: bool = True) -> bool:
    """Locks an open file; False if another process holds it, `unsupported` if its file system has no locks."""
    if sys.platform == "win32":
        return unsupported
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return unsupported
    return True

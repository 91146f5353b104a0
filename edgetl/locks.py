"""Locks files and folders between processes: a lock has one holder, and is free as soon as the holder ends.

These are `flock` locks. The kernel releases them with the process, so that a killed command never blocks the next one.
On a file system or platform without `flock` nothing is locked.
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
"""A file system without such locks gives one of these errors; NFS, for example, locks no folder."""
_NO_LOCK = -1
"""A lock that was claimed on a platform without locks has this handle."""
_LONGEST_NOTE = 200
"""At most this many bytes of a lock file are shown, in case the file is not one of edgetl's."""

_TRIES, _PAUSE = 20, 0.01
"""A lock whose holder wrote no note is tried this many times, with a pause of this many seconds."""


class BusyError(UsageError):
    """Another process holds the lock that a command needs."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Waits for the lock of a folder and holds it while the block runs, which must take milliseconds only.

    Nothing is written. A folder that doesn't exist isn't locked. The lock is not reentrant.

    Args:
        folder: the folder to lock; its lock moves with it when it is renamed.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield  # reading or writing there raises the error
        return
    try:
        _flock(handle, wait=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def named_lock(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Holds a lock file while the block runs; the file names this process, and is removed at the end.

    Args:
        path: the lock file, in a folder that exists.
        what: the work of another holder, for the message, e.g. `'parts' is being trained`.
        remedy: what the user can do about it.

    Raises:
        BusyError: another process holds the lock; the message names that process.
        OSError: the lock file can't be made.
    """
    handle = _take(path, what, remedy)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, _note().encode(), 0)
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
            holder = ""  # the last holder has just removed the file
        else:
            holder = os.read(handle, _LONGEST_NOTE).decode("ascii", "replace")
        os.close(handle)
        if holder or not left:
            break
        time.sleep(_PAUSE)  # a holder without a note is about to write it, or is removing a leftover
    raise BusyError(f"{what} by {printable(holder) or 'another process'}", where=str(path), remedy=remedy)


def lock_open(handle: int) -> bool:
    """Locks an open file until it is closed, without waiting.

    Args:
        handle: the file's descriptor.

    Returns:
        Whether the lock was free; False if another process holds it.
    """
    return _flock(handle, wait=False)


def claim(path: Path, *, certain: bool) -> int | None:
    """Locks a file or folder that exists, without waiting.

    Args:
        path: the file or folder.
        certain: whether the lock must be certain: if it must, the result on a file system without locks is None, as
            another process may own the file.

    Returns:
        An open file descriptor that holds the lock until `release` closes it; None if another process holds the lock or
        the path doesn't exist.
    """
    if sys.platform == "win32":
        return None if certain else _NO_LOCK
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if _flock(handle, wait=False, unsupported=not certain) and _is_at(handle, path):
        return handle
    os.close(handle)
    return None


def release(handle: int) -> None:
    """Releases a lock of `claim`.

    Args:
        handle: the descriptor that `claim` returned.
    """
    if handle != _NO_LOCK:
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Says whether an open file still has that path."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except OSError:
        return False


def _flock(handle: int, *, wait: bool, unsupported: bool = True) -> bool:
    """Locks an open file; returns False if another process holds it, `unsupported` if the file system has no locks."""
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

"""Writes files that appear whole or not at all, and reads strangers' files within bounds."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from edgetl import locks
from edgetl.errors import EdgetlError

_MARK = ".edgetl-"
"""The names of edgetl's temporary files, temporary folders and lock files contain this text."""
_LEFTOVER = re.compile(r"\..+\.edgetl-(lock|[a-z0-9_]{8}(\.\w+)?)")
"""Only files and folders with such names are removed by `remove_leftovers`."""


def write_atomic(path: Path, data: bytes | str) -> None:
    """Writes a file so that a reader sees either the old content or all of the new content.

    Args:
        path: the file; missing folders above it are made.
        data: the content; text is written as UTF-8.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    content = data.encode() if isinstance(data, str) else data
    with friendly_os_errors(path), temporary_file(path) as temporary:
        with temporary.open("r+b") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)


@contextmanager
def temporary_file(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yields an empty hidden file beside `path`; at the end it is removed, unless it was renamed.

    This process holds the file's lock while the block runs, by which `remove_leftovers` distinguishes it from a file
    that a killed process left.

    Args:
        path: the file that is to be written; missing folders above it are made.
        suffix: end of the hidden file's name, e.g. `.mp4`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers_once(path.parent.resolve())
    handle = None
    while handle is None:  # another process may remove the file as a leftover before it is locked
        opened, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}{_MARK}", suffix=suffix)
        os.close(opened)
        temporary = Path(name)
        handle = locks.claim(temporary, certain=False)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        locks.release(handle)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yields an empty hidden folder beside `path`; at the end it is removed, unless it was renamed.

    Args:
        path: the folder that is to be made; see `temporary_file`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    handle = None
    while handle is None:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}{_MARK}"))
        handle = locks.claim(temporary, certain=False)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        locks.release(handle)


def remove_leftovers(folder: Path) -> None:
    """Removes the hidden files and folders that killed processes left in a folder.

    These are files of `temporary_file`, folders of `temporary_folder`, and lock files. A locked one has a living owner
    and stays. If one can't be removed, it stays without a message, because it belongs to another user.

    Args:
        folder: the folder, which need not exist.
    """
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _LEFTOVER.fullmatch(entry.name) and (handle := locks.claim(Path(entry.path), certain=True)) is not None:
                try:
                    _remove(Path(entry.path))
                finally:
                    locks.release(handle)


@lru_cache(maxsize=1024)
def _remove_leftovers_once(folder: Path) -> None:
    """Calls `remove_leftovers` once in this process, because listing a large folder at every write is slow."""
    remove_leftovers(folder)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def sync_file(path: Path) -> None:
    """Makes the operating system write a file to the disk now."""
    mode = "rb" if os.name == "posix" else "r+b"  # Windows writes out only what was opened for writing
    with path.open(mode) as stream:
        os.fsync(stream.fileno())


@contextmanager
def friendly_os_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's errors in the block into errors with a remedy.

    Args:
        path: the file or folder that the block writes, for the message.

    Raises:
        EdgetlError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        remedies = {
            errno.ENOSPC: "free some space there, or choose another place",
            errno.EDQUOT: "your quota is used up: free some space there",
            errno.EACCES: "choose a place you may write to",
            errno.EROFS: "that file system is read-only: choose another place",
        }
        what = f"can't write: {error.strerror or error}"
        remedy = remedies.get(error.errno or 0, "check the path and the disk")
        raise EdgetlError(what, where=str(path), remedy=remedy) from error


def local_path(text: str | Path) -> Path:
    """Returns the path that a text names; `~` and `~user` at its beginning stand for home folders.

    If there is no such user, the text is a file's name, such as `~draft.mp4`.

    Args:
        text: the path as the user wrote it.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def read_regular(path: Path, limit: int) -> bytes:
    """Reads a stranger's file: only a regular file, only up to a bound, and without ever waiting.

    Links are followed. A FIFO, a socket, a device such as `/dev/zero` and a folder are refused before they are opened.

    Args:
        path: the file.
        limit: largest number of bytes that the file may have.

    Raises:
        OSError: the file doesn't exist, isn't a regular file, is larger than `limit`, or can't be read; `strerror` has
            the reason.
    """
    _require_regular(path.stat())  # before it is opened, because opening a device can have an effect
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        _require_regular(status)  # again, because the file may have been replaced in between
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes, and {limit:,} are allowed")
        return file.read(status.st_size)


def is_lfs_pointer(data: bytes) -> bool:
    """Says whether a file's first bytes are those of a Git LFS pointer: the text that stands in for a large file.

    Args:
        data: the file's content, or at least its first 50 bytes.
    """
    return data.startswith(b"version https://git-lfs.github.com/spec/")


def _require_regular(status: os.stat_result) -> None:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
    if not stat.S_ISREG(status.st_mode):
        kind = kinds.get(stat.S_IFMT(status.st_mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file")


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's content, as hex.

    Args:
        path: the file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

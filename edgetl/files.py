"""Writing that appears whole or not at all: a killed command leaves the earlier version intact."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgetl.errors import EdgetlError


def write_atomic(path: Path, data: bytes | str) -> None:
    """Writes a file so that a reader sees the old content or all of the new, never a part.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    content = data.encode() if isinstance(data, str) else data
    with told_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder that takes `path`'s place once the block has ended without an error.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    with told_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            yield temporary
            temporary.chmod(0o755)
            replace_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Moves the folder `new` to `path`; what was there goes once the new one is there, or comes back if it can't be."""
    for file in new.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    old = path.with_name(f".{path.name}.old")
    _bring_back(old, path)
    shutil.rmtree(old, ignore_errors=True)
    try:
        with suppress(FileNotFoundError):
            path.rename(old)
        new.rename(path)
    except BaseException:
        _bring_back(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _bring_back(old: Path, path: Path) -> None:
    """Gives the earlier folder its name again where a replacement ended between the two renames."""
    if old.is_dir() and not path.exists():
        old.rename(path)


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """Turns the operating system's errors while writing `path` into ones with a remedy."""
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


def read_regular(path: Path, limit: int) -> bytes:
    """Reads a stranger's file: only a regular file, only up to a bound, and without ever waiting.

    Links are followed. A FIFO, a socket, a device such as `/dev/zero` and a folder are refused before they are opened.

    Args:
        path: the file.
        limit: the largest number of bytes that the file may have.

    Raises:
        OSError: there is no such file, it isn't a regular file, it is larger than `limit`, or it can't be read;
            `strerror` says which.
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
        data: the file's content, or its beginning of at least 50 bytes.
    """
    return data.startswith(b"version https://git-lfs.github.com/spec/")


def _require_regular(status: os.stat_result) -> None:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
    if not stat.S_ISREG(status.st_mode):
        kind = kinds.get(stat.S_IFMT(status.st_mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file")


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's content, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Replaces folders as a whole: a killed command leaves the earlier folder intact, or one that can be restored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgetl.files import friendly_os_errors, sync_file, temporary_folder
from edgetl.locks import folder_lock


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder that replaces `path` once the block has ended without an error.

    Args:
        path: the folder that is to be made or replaced.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    with friendly_os_errors(path), temporary_folder(path) as temporary:
        yield temporary
        replace_folder(temporary, path)


def replace_folder(new: Path, path: Path) -> None:
    """Moves the folder `new` to `path` and deletes the earlier folder; if that fails, the earlier one is restored.

    There is no `path` between the two renames. After a kill at that moment, `restore_folder` gives readers the earlier
    folder. Both functions hold the lock of the folder above.

    Args:
        new: the folder to move.
        path: the place of the earlier folder, which need not exist.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if new.stat().st_dev != path.parent.stat().st_dev:  # a folder above may be a link to another disk
        with temporary_folder(path) as near:
            replace_folder(shutil.copytree(new, near, dirs_exist_ok=True), path)
        return
    new.chmod(0o755)
    sync_folder(new)
    old = _old(path)
    with folder_lock(path.parent):
        _restore(old, path)
        try:
            with suppress(FileNotFoundError):
                path.rename(old)
            new.rename(path)
        except BaseException:
            _restore(old, path)
            raise
        shutil.rmtree(old, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Makes the operating system write every file of a folder to the disk now."""
    for file in folder.rglob("*"):
        if file.is_file():
            sync_file(file)


def restore_folder(path: Path) -> None:
    """Restores the earlier folder if a killed `replace_folder` left no folder; called before a folder is read.

    A reader without the right to write there finds no folder.

    Args:
        path: the folder that is to be read.
    """
    if path.name and _old(path).is_dir():
        with folder_lock(path.parent), suppress(OSError):
            _restore(_old(path), path)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _restore(old: Path, path: Path) -> None:
    """Undoes a replacement that was killed between its renames, or finishes one that was killed after them."""
    if not old.is_dir():
        return
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.rename(path)

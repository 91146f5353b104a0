"""Arranges the folders of a model's versions, and changes the current version so that a kill loses nothing.

    models/NAME/               the current version: card, weights, bundles
    models/NAME/version        the number of the current version; without this file the number is 1
    models/NAME/versions/N/    any other version, with all its files

Every change begins with one rename, which determines the result, and continues with steps that can be repeated.
`recover` carries out the steps that a killed process didn't. It runs before the store is read or written.

    .NAME.incoming/   this version becomes current:
                        1. NAME/versions moves into it.
                        2. NAME, which was current, moves into it as versions/K, where K is its number.
                        3. The folder is renamed to NAME.
    .NAME.aside/      this version is stored but not current: it is renamed to NAME/versions/N.
    .NAME.removed/    this version, or the whole model, is deleted.
    .NAME.old/        an earlier edgetl was killed while it replaced NAME: it is renamed to NAME.

The caller of a function of this module holds the lock of the store's root, see `edgetl.locks.folder_lock`.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal

from edgetl.files import read_regular, remove_leftovers, write_atomic
from edgetl.folders import sync_folder

VERSIONS = "versions"
"""The folder in a model's folder for the versions that aren't current."""
NUMBER = "version"
"""The file in a version's folder that has its number."""
CHECKPOINT = "checkpoint.npz"
"""The file from which a training is resumed; a stored version has none."""

_MOST_NUMBER_BYTES = 64
"""The file with a version's number has at most this many bytes."""
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
"""A version's number has this form, in the name of its folder and in the file with the number."""
_PENDING = re.compile(r"\.(?P<name>.+)\.(?P<kind>incoming|aside|removed|old|training)")
"""A folder with such a name takes part in a change that isn't finished, or is an unfinished training."""


def folders(root: Path, name: str) -> dict[int, Path]:
    """Returns the folder of each version of a model by its number, the current version first.

    Args:
        root: the store's root.
        name: name of the model.
    """
    current = root / name
    others = _others(current)
    found = {_free_number(current, others): current} if os.path.lexists(current) else {}
    return found | others


def _others(folder: Path) -> dict[int, Path]:
    try:
        entries = sorted(
            (path for path in (folder / VERSIONS).iterdir() if _VERSION.fullmatch(path.name)), key=_by_number
        )
    except OSError:
        return {}
    return {int(path.name): path for path in entries if path.is_dir()}


def _by_number(path: Path) -> int:
    return int(path.name)


def _number(folder: Path) -> int:
    """Returns a version's number; 1 if it can't be read, because earlier versions of edgetl wrote none."""
    try:
        text = read_regular(folder / NUMBER, _MOST_NUMBER_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        return 1
    return int(text) if _VERSION.fullmatch(text) else 1


def _free_number(folder: Path, taken: dict[int, Path]) -> int:
    """Returns a version's number, or a new one if another version has it, for example in a copied folder."""
    number = _number(folder)
    return number if number not in taken else max(taken) + 1


def add(root: Path, name: str, new: Path, *, current: bool) -> int:
    """Moves a finished version into the store and returns its number, one above the highest.

    Args:
        root: the store's root.
        name: name of the model.
        new: the folder to move, on the store's file system.
        current: whether the version becomes the current one.
    """
    number = max(folders(root, name), default=0) + 1
    if number > 1:
        write_atomic(new / NUMBER, f"{number}\n")
    new.chmod(0o755)
    sync_folder(new)
    _begin(root, name, new, "incoming" if current else "aside")
    return number


def make_current(root: Path, name: str, number: int) -> None:
    """Makes a version the current one; the version that was current keeps its number and its bundles.

    Args:
        root: the store's root.
        name: name of the model.
        number: number of the version.
    """
    folder = folders(root, name)[number]
    if folder != root / name:
        if _number(folder) != number:
            write_atomic(folder / NUMBER, f"{number}\n")
        _begin(root, name, folder, "incoming")


def remove(root: Path, name: str, number: int | None) -> None:
    """Deletes a version or a whole model.

    Args:
        root: the store's root.
        name: name of the model.
        number: number of a version that isn't current, or of the only one; None deletes the whole model.
    """
    _begin(root, name, root / name if number is None else folders(root, name)[number], "removed")
    with suppress(OSError):
        (root / name / VERSIONS).rmdir()  # it fails unless the folder is empty


def _begin(root: Path, name: str, folder: Path, kind: Literal["incoming", "aside", "removed"]) -> None:
    pending = root / f".{name}.{kind}"
    folder.rename(pending)
    _finish(pending, root / name, kind)


def recover(root: Path) -> None:
    """Finishes the changes that killed processes began, and removes their temporary files.

    An unfinished training's folder stays if the training is running or can be resumed.

    Args:
        root: the store's root.
    """
    remove_leftovers(root)
    try:
        entries = [(found, Path(entry.path)) for entry in os.scandir(root) if (found := _PENDING.fullmatch(entry.name))]
    except OSError:
        return  # there is no store yet
    for found, path in entries:
        with suppress(OSError):  # without the right to write, the store is read as it is
            _finish(path, root / found["name"], found["kind"])


def _finish(pending: Path, current: Path, kind: str) -> None:
    if kind in ("incoming", "aside"):
        (pending / CHECKPOINT).unlink(missing_ok=True)
    if kind == "incoming" and os.path.lexists(current):
        _push_aside(current, pending)
    if kind == "removed" or (kind == "old" and os.path.lexists(current)) or (kind == "training" and _is_over(pending)):
        shutil.rmtree(pending, ignore_errors=True)
    elif kind == "aside" and os.path.lexists(current):
        (current / VERSIONS).mkdir(exist_ok=True)
        pending.rename(current / VERSIONS / str(_free_number(pending, folders(current.parent, current.name))))
    elif kind != "training":
        pending.rename(current)


def _push_aside(current: Path, incoming: Path) -> None:
    """Moves the current version and all others into the folder of the version that becomes current."""
    if (current / VERSIONS).is_dir():
        (current / VERSIONS).rename(incoming / VERSIONS)
    (incoming / VERSIONS).mkdir(exist_ok=True)
    taken = _others(incoming)
    number = _free_number(current, taken | {_number(incoming): incoming})
    current.rename(incoming / VERSIONS / str(number))


def _is_over(training: Path) -> bool:
    """Says whether a training ended before its first checkpoint; a running training has a lock file."""
    if any((training / name).exists() for name in (CHECKPOINT, "card.json")):
        return False
    return not lock_file(training.parent, training.name.removeprefix(".").removesuffix(".training")).exists()


def training_folder(root: Path, name: str) -> Path:
    """Returns the folder of a model's training until it is finished.

    Args:
        root: the store's root.
        name: name of the model.
    """
    return root / f".{name}.training"


def lock_file(root: Path, key: str) -> Path:
    """Returns the lock file for the work on a model or a bundle; see `edgetl.files.remove_leftovers`.

    Args:
        root: the store's root.
        key: name of the lock, see `edgetl.store.exclusive_lock`.
    """
    return root / f".{key}.edgetl-lock"

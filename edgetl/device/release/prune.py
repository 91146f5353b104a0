"""Removes old releases, and the environments and wheels that no release needs any more."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from edgetl.device.release.device_facts import current_digest
from edgetl.device.release.digests import Release, folders_of, read_release
from edgetl.device.release.history import last_proved, predecessor
from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors

_OLD = 24 * 3600.0
"""What was copied but never received is removed after this time, s; a copy in progress is younger."""


def prune(root: Path, keep: int) -> dict[str, object]:
    """Removes all but the newest releases, and what only they needed.

    The current release, the one before it, and the last one that proved itself always stay.

    Args:
        root: the folder `~/edgetl`.
        keep: the number of releases to keep, at least 1.

    Returns:
        JSON-ready values: `removed` (digests of releases), `envs` (digests), `wheels` (file names), and `kept`
        (digests of releases).

    Raises:
        UsageError: `keep` is less than 1.
        EdgetlError: a file can't be removed.
    """
    if keep < 1:
        raise UsageError(f"{keep} releases can't be kept", remedy="keep 1 or more")
    with friendly_os_errors(root):
        folders = sorted(folders_of(root / "releases"), key=_age_key, reverse=True)
        needed = _needed(root)
        others = [folder for folder in folders if folder.name not in needed]
        kept = needed | {folder.name for folder in others[: max(0, keep - len(needed))]}
        removed = [folder for folder in folders if folder.name not in kept]
        _remove(removed)
        releases = [release for folder in folders_of(root / "releases") if (release := _read(folder))]
        envs = _others(folders_of(root / "envs"), {release.env for release in releases})
        wheels = _others((root / "wheels").glob("*"), {wheel for release in releases for wheel in release.wheels})
        _remove([*envs, *wheels])
        _remove_leftovers(root)
    names = [[path.name for path in paths] for paths in (removed, envs, wheels)]
    return {"removed": names[0], "envs": names[1], "wheels": names[2], "kept": sorted(kept)}


def _needed(root: Path) -> set[str]:
    current = current_digest(root)
    names = (current, predecessor(root, current), last_proved(root, current or ""))
    return {name for name in names if name and (root / "releases" / name).is_dir()}


def _age_key(folder: Path) -> str:
    release = _read(folder)
    return release.created if release else ""


def _read(folder: Path) -> Release | None:
    with suppress(EdgetlError):
        return read_release(folder)
    return None


def _others(paths: Iterable[Path], names: set[str]) -> list[Path]:
    return sorted(path for path in paths if path.name not in names)


def _remove(paths: Iterable[Path]) -> None:
    """Removes files and folders; a folder first gets a name under which nobody looks for it."""
    for path in paths:
        if path.is_dir():
            doomed = path.with_name(f".{path.name}.removed")
            shutil.rmtree(doomed, ignore_errors=True)
            shutil.rmtree(path.rename(doomed))
        else:
            path.unlink(missing_ok=True)


def _remove_leftovers(root: Path) -> None:
    """Removes what a killed command left, and copies that nobody has gone on with."""
    for room in ("releases", "envs"):
        _remove_hidden(root / room)
    for folder in (root / "incoming").glob("*"):
        newest = max((path.lstat().st_mtime for path in [folder, *folder.rglob("*")]), default=0.0)
        if time.time() - newest > _OLD:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_hidden(folder: Path) -> None:
    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)

"""Moves a release that was copied to the device into place, once all of it is there and its digests hold."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath

from edgetl.device.release.digests import Release, checked_release, folders_of, is_made_here
from edgetl.errors import EdgetlError, ModelError
from edgetl.files import sha256_of, sync_file

_REMEDY = "deploy the release again"
_UNFINISHED = re.compile(r"\..+\.[A-Za-z0-9]{6}")
"""rsync writes a file under such a name, which stays if the connection is cut."""


def receive(root: Path, digest: str) -> dict[str, object]:
    """Moves a release and its wheels from `incoming` into place.

    `incoming/DIGEST/` has `release.json`, `run.toml`, `bundle/`, `wheels/` and `reuse.json`. The last two have the
    wheels that the device lacks, and the SHA-256 by path of the files of the release that weren't sent because another
    release on the device has them. A release that is there already, and whole, stays as it is.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest, as the workstation computed it.

    Returns:
        JSON-ready values: `received` (the digest) and `already` (whether the release was there).

    Raises:
        ModelError: a file was altered, or isn't part of the release.
        EdgetlError: a file is missing.
    """
    incoming, release = root / "incoming" / digest, root / "releases" / digest
    already = _is_whole(release)
    if incoming.is_dir():
        _remove_unfinished(incoming)
        _copy_reused_files(root, incoming)
        found = checked_release(incoming)
        if found.digest != digest:
            what = f"the copied release is {found.digest}, not {digest}"
            raise ModelError(what, where=str(incoming), remedy=_REMEDY)
        _move_wheels(root, incoming, found)
        if not already:
            _move_release(incoming, release, found)
        shutil.rmtree(incoming, ignore_errors=True)
    elif not already:
        raise EdgetlError("no file of this release was copied here", where=str(incoming), remedy=_REMEDY)
    return {"received": digest, "already": already}


def _is_whole(release: Path) -> bool:
    with suppress(OSError, EdgetlError):
        return checked_release(release).digest == release.name
    return False


def _remove_unfinished(incoming: Path) -> None:
    for path in list(incoming.rglob(".*")):
        if _UNFINISHED.fullmatch(path.name):
            _remove(path)
    for path in list((incoming / "bundle").glob("*")):
        if is_made_here(path, incoming):  # it holds for the machine that it comes from
            _remove(path)


def _copy_reused_files(root: Path, incoming: Path) -> None:
    """Copies the files that `reuse.json` lists from the releases that have them."""
    listing = incoming / "reuse.json"
    try:
        reuse = dict(json.loads(listing.read_text(encoding="utf-8"))) if listing.exists() else {}
    except (ValueError, TypeError) as error:
        raise ModelError("reuse.json is not valid", where=str(listing), remedy=_REMEDY) from error
    for name, sha256 in reuse.items():
        parts = PurePosixPath(name).parts
        if ".." in parts or parts[:1] not in (("bundle",), ("run.toml",)):
            raise ModelError("reuse.json names a file outside the release", where=str(listing), remedy=_REMEDY)
        same = (folder / name for folder in folders_of(root / "releases") if (folder / name).is_file())
        source = next((file for file in same if sha256_of(file) == sha256), None)
        if source is None:
            raise EdgetlError("a file that was to be reused is no longer here", where=name, remedy=_REMEDY)
        (incoming / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, incoming / name)


def _move_wheels(root: Path, incoming: Path, release: Release) -> None:
    """Moves the wheels that were sent into place, each after its digest was compared."""
    (root / "wheels").mkdir(exist_ok=True)
    for name, sha256 in release.wheels.items():
        sent = incoming / "wheels" / name
        if sent.is_file():
            if sha256_of(sent) != sha256:
                what = "a wheel was altered or cut short: its SHA-256 differs"
                raise ModelError(what, where=str(sent), remedy=_REMEDY)
            sync_file(sent)
            sent.replace(root / "wheels" / name)


def _move_release(incoming: Path, release: Path, found: Release) -> None:
    """Moves a release into place by one rename; what has its name there is not whole, and is removed."""
    for path in list(incoming.iterdir()):
        if path.name not in ("bundle", "run.toml", "release.json"):
            _remove(path)
    (incoming / "env").symlink_to(f"../../envs/{found.env}")
    for path in [incoming, *incoming.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
            sync_file(path) if path.is_file() else sync_directory(path)
    release.parent.mkdir(exist_ok=True)
    broken = release.with_name(f".{release.name}.broken")
    _remove(broken)
    if release.exists():
        release.rename(broken)
    incoming.rename(release)
    sync_directory(release.parent)
    _remove(broken)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_directory(folder: Path) -> None:
    """Makes the operating system write a folder's names to the disk now.

    Args:
        folder: the folder.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

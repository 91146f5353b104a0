"""Names releases and environments after their content, and checks that a release on the disk is what its name says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgetl.errors import ModelError
from edgetl.files import sha256_of
from edgetl.text import first_line

DIGEST = re.compile("[0-9a-f]{16}")
"""The digests of releases and environments have this form, because they are names of folders."""
_WHEEL = re.compile(r"[A-Za-z0-9_.+!-]+\.whl")
"""The names of wheels have this form, because they are names of files."""
_TUNED = re.compile(r"tuned\.json|\.tuned\.json\.edgetl-\w+")
"""`edgetl tune` and `edgetl run --variant auto` write this file into the bundle, on the device."""
_REMEDY = "deploy the release again"


@dataclass(frozen=True)
class Release:
    """The content of a release's `release.json`.

    Attributes:
        digest: the digest that the release's folder is named after.
        name: the model's name.
        edgetl: the version of edgetl.
        created: the time at which the release was made, ISO 8601.
        python: the version of Python, e.g. `3.11`.
        arch: the architecture, as `uname -m` prints it.
        libc: the C library and its version, e.g. `glibc 2.36`.
        env: the digest of the environment.
        wheels: the SHA-256 of each wheel of the environment, by the file's name.
    """

    digest: str
    name: str
    edgetl: str
    created: str
    python: str
    arch: str
    libc: str
    env: str
    wheels: dict[str, str]


def env_digest(wheels: Mapping[str, str], python: str, arch: str, libc: str) -> str:
    """Returns the digest that names an environment.

    Args:
        wheels: the SHA-256 of each wheel, by the file's name.
        python: the version of Python, e.g. `3.11`.
        arch: the architecture, as `uname -m` prints it.
        libc: the C library and its version, e.g. `glibc 2.36`.
    """
    return _digest([sorted(wheels.items()), f"{python} {arch} {libc}"])


def release_digest(files: Mapping[str, str], env: str) -> str:
    """Returns the digest that names a release.

    Args:
        files: the SHA-256 of `run.toml` and of each file of the bundle, by the path, e.g. `bundle/bundle.json`.
        env: the digest of the environment.
    """
    return _digest([sorted(files.items()), env])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def file_digests(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of a release's `run.toml` and of each file of its bundle, by the path.

    What `edgetl tune` found out on this device is no part of the release.

    Args:
        folder: the release's folder.

    Raises:
        ModelError: something in the bundle is neither a file nor a folder.
    """
    found = {}
    for path in [folder / "run.toml", *sorted((folder / "bundle").rglob("*"))]:
        kind = path.lstat().st_mode if os.path.lexists(path) else 0
        if stat.S_ISREG(kind) and is_made_here(path, folder):
            continue
        if stat.S_ISREG(kind):
            found[path.relative_to(folder).as_posix()] = sha256_of(path)
        elif kind and not stat.S_ISDIR(kind):
            raise ModelError("the bundle contains a link or a special file", where=str(path), remedy=_REMEDY)
    return found


def is_made_here(path: Path, folder: Path) -> bool:
    """Says whether a file of a release was written on the device.

    Args:
        path: the file.
        folder: the release's folder.
    """
    return path.parent == folder / "bundle" and _TUNED.fullmatch(path.name) is not None


def read_release(folder: Path) -> Release:
    """Reads a release's `release.json` without a look at its files.

    Args:
        folder: the release's folder.

    Raises:
        ModelError: the file is missing or not valid.
    """
    path = folder / "release.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        if rows["schema"] != 1:
            raise ValueError(f"the schema version {rows['schema']!r} is unknown to this edgetl")
        names = ("digest", "name", "edgetl", "created", "python", "arch", "libc", "env")
        wheels = {str(wheel["file"]): str(wheel["sha256"]) for wheel in rows["wheels"]}
        release = Release(**{name: str(rows[name]) for name in names}, wheels=wheels)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ModelError(f"release.json can't be read: {_reason(error)}", where=str(path), remedy=_REMEDY) from error
    if not (DIGEST.fullmatch(release.digest) and DIGEST.fullmatch(release.env) and all(map(_WHEEL.fullmatch, wheels))):
        raise ModelError("a digest or a wheel's name is not valid", where=str(path), remedy=_REMEDY)
    return release


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it can't be opened"
    return f"the key {error} is missing" if isinstance(error, KeyError) else first_line(error)


def checked_release(folder: Path) -> Release:
    """Reads a release's `release.json`, and compares every file of the release with the digest in it.

    Args:
        folder: the release's folder.

    Raises:
        ModelError: a file was altered, cut short, added or removed, or `release.json` is not valid.
    """
    release = read_release(folder)
    env = env_digest(release.wheels, release.python, release.arch, release.libc)
    if (env, release_digest(file_digests(folder), env)) != (release.env, release.digest):
        what = "the release was altered or cut short: its files don't have the digest that it is named after"
        raise ModelError(what, where=str(folder), remedy=_REMEDY)
    return release


def folders_of(folder: Path) -> list[Path]:
    """Returns the folders that are named after a digest, sorted.

    Args:
        folder: the folder of the releases or of the environments, which need not exist.
    """
    return sorted(path for path in folder.glob("*") if DIGEST.fullmatch(path.name) and path.is_dir())

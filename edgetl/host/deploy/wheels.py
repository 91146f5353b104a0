"""Collects the wheels that a device needs for edgetl, so that nothing has to be downloaded there.

pip downloads them for the device's Python, architecture and C library. They are kept in edgetl's cache folder: a second
deployment takes the same ones, without internet, until `renew` asks for the newest.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl.errors import EdgetlError
from edgetl.files import sha256_of
from edgetl.folders import new_folder
from edgetl.host.dataset.photos import cache_folder
from edgetl.host.deploy.device_platform import DevicePlatform, no_wheel_error
from edgetl.host.deploy.own_wheel import make_own_wheel
from edgetl.host.deploy.requirements import needed, oldest_python, read_metadata
from edgetl.progress import current
from edgetl.text import first_line

_NOT_FOUND = "No matching distribution found for "
_OFFLINE = ("NewConnectionError", "ConnectTimeoutError", "Temporary failure in name resolution", "ProxyError")
"""pip reports an index that can't be reached as a package without versions, after warnings with one of these."""
_MOST_ROUNDS = 5
"""The search ends after this number of downloads, each for packages that an earlier one has not brought."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel on the workstation.

    Attributes:
        path: the file.
        sha256: the SHA-256 of its content, as hex.
        bytes: its size.
    """

    path: Path
    sha256: str
    bytes: int

    @classmethod
    def read(cls, path: Path) -> Wheel:
        """Reads a wheel's size and digest.

        Args:
            path: the file.
        """
        return cls(path, sha256_of(path), path.stat().st_size)

    def to_dict(self) -> dict[str, object]:
        """Returns the wheel's entry in `release.json`."""
        return {"file": self.path.name, "sha256": self.sha256, "bytes": self.bytes}


def collect_wheels(platform: DevicePlatform, extras: Sequence[str], *, renew: bool = False) -> tuple[Wheel, ...]:
    """Returns edgetl's own wheel, pip's, and those of all packages that edgetl needs with some extras.

    Args:
        platform: the device's system.
        extras: the names of edgetl's extras; if there are none, only edgetl's own wheel and pip's are returned.
        renew: whether to download the newest versions, even if the cache has a set.

    Raises:
        NoWheelsError: there are no wheels for the device's system.
        EdgetlError: the wheels can't be downloaded.
    """
    own = own_wheel()
    platform.require_supported(oldest_python(own))
    roots = [*([f"edgetl[{','.join(sorted(extras))}]"] if extras else []), "pip"]
    folder = cache_folder() / "wheels" / _key(own, roots, platform)
    if renew or not folder.is_dir():
        with new_folder(folder) as new:
            _download(new, own, roots, platform)
    return tuple(Wheel.read(path) for path in [own, *sorted(folder.glob("*.whl"))])


def own_wheel() -> Path:
    """Returns the wheel of the running edgetl, which is made if it isn't in the cache.

    Raises:
        EdgetlError: edgetl is not installed.
    """
    return make_own_wheel(cache_folder() / "wheels" / "own")


def _key(own: Path, roots: Sequence[str], platform: DevicePlatform) -> str:
    """Returns the name of a set's folder, which depends on all that decides which wheels are in it."""
    decisive = [sorted(read_metadata(own).requires), list(roots), str(platform)]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]


def _download(folder: Path, own: Path, roots: Sequence[str], platform: DevicePlatform) -> None:
    """Downloads the wheels of all packages that are needed, and removes others.

    pip takes the conditions of requirements for those of this machine's Python. Therefore what it brought is compared
    with what the device needs, until nothing is missing.
    """
    if receiver := current():
        receiver.message(f"downloading the wheels for the device ({platform})")
    for _ in range(_MOST_ROUNDS):
        wheels = {read_metadata(path).name: path for path in [own, *folder.glob("*.whl")]}
        used, missing = needed(roots, wheels, platform)
        if not missing:
            break
        brought = [str(path) for name, path in wheels.items() if name != "edgetl"]
        _pip_download(folder, [*brought, *missing], platform)
    else:
        raise EdgetlError(f"pip does not find all packages that the device needs: {', '.join(missing)}")
    for name, path in wheels.items():
        if name not in used and path != own:
            path.unlink()


def _pip_download(folder: Path, requirements: Sequence[str], platform: DevicePlatform) -> None:
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", platform.python]
    tags = [word for tag in platform.tags for word in ("--platform", tag)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    command = [sys.executable, "-m", "pip", "download", *quiet, *options, *tags, "--dest", str(folder), *requirements]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _download_error(done.stderr, platform)


def _download_error(stderr: str, platform: DevicePlatform) -> EdgetlError:
    if "No module named pip" in stderr:
        return EdgetlError("this Python has no pip", where=sys.executable, remedy=f"{sys.executable} -m ensurepip")
    if any(sign in stderr for sign in _OFFLINE):
        what = "the wheels for the device can't be downloaded: the package index can't be reached"
        return EdgetlError(what, remedy="connect this machine to the internet once; the wheels are kept")
    if _NOT_FOUND in stderr:
        return no_wheel_error(first_line(stderr.rpartition(_NOT_FOUND)[2]), platform)
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR")]
    return EdgetlError(f"pip can't download the wheels for the device: {first_line(errors[-1] if errors else stderr)}")

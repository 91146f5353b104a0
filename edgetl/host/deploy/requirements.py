"""Finds out which packages a device needs, from the requirements that wheels state."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from functools import lru_cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from edgetl.errors import EdgetlError
from edgetl.host.deploy.device_platform import DevicePlatform


@dataclass(frozen=True, slots=True)
class WheelMetadata:
    """What a wheel says about itself.

    Attributes:
        name: the package's name, normalized.
        requires: the requirements, in pip's form.
        python: the condition on the version of Python; empty if there is none.
    """

    name: str
    requires: tuple[str, ...]
    python: str


@lru_cache(maxsize=256)
def read_metadata(wheel: Path) -> WheelMetadata:
    """Reads what a wheel says about itself.

    Args:
        wheel: the wheel's file.

    Raises:
        EdgetlError: the file is no wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            headers = BytesHeaderParser().parsebytes(archive.read(name))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise EdgetlError("this file is no wheel", where=str(wheel), remedy="remove it, and try again") from error
    requires = tuple(str(text) for text in headers.get_all("Requires-Dist") or ())
    return WheelMetadata(canonicalize_name(str(headers["Name"])), requires, str(headers["Requires-Python"] or ""))


def oldest_python(wheel: Path) -> str:
    """Returns the oldest version of Python 3 that a package works with, e.g. `3.11`.

    Args:
        wheel: the package's wheel.
    """
    allowed = SpecifierSet(read_metadata(wheel).python)
    return next(f"3.{minor}" for minor in range(100) if allowed.contains(f"3.{minor}"))


def needed(roots: Sequence[str], wheels: Mapping[str, Path], platform: DevicePlatform) -> tuple[set[str], list[str]]:
    """Returns the names of the packages that are needed, and the requirements for which there is no wheel yet.

    Args:
        roots: the requirements to begin with, in pip's form.
        wheels: the wheels that are there, by the package's name.
        platform: the device's system, on which the conditions of requirements depend.
    """
    used: set[str] = set()
    missing: dict[str, None] = {}
    done: set[str] = set()
    todo = [Requirement(text) for text in roots]
    while todo:
        requirement = todo.pop()
        requirement.marker = None
        if str(requirement) in done:
            continue
        done.add(str(requirement))
        name = canonicalize_name(requirement.name)
        if name not in wheels:
            missing[str(requirement)] = None
            continue
        used.add(name)
        todo += _requirements_of(wheels[name], requirement.extras, platform)
    return used, list(missing)


def _requirements_of(wheel: Path, extras: set[str], platform: DevicePlatform) -> list[Requirement]:
    found = []
    for text in read_metadata(wheel).requires:
        requirement = Requirement(text)
        values = [{**platform.markers, "extra": extra} for extra in (extras or {""})]
        if requirement.marker is None or any(map(requirement.marker.evaluate, values)):
            found.append(requirement)
    return found

"""Wheels of packages that don't exist, and a folder of them in the place of a package index."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgetl.install import packages


def make_wheel(folder: Path, name: str, version: str = "99.0", requires: tuple[str, ...] = (), tag="py3-none-any"):
    """Writes a wheel with nothing in it but what it says about itself."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    path = folder / f"{module}-{version}-{tag}.whl"
    rows = "".join(f"Requires-Dist: {text}\n" for text in requires)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{rows}")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def use_index(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Has pip find the packages of a folder, and no others."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        patch.delenv(name, raising=False)
    patch.setenv("PIP_CONFIG_FILE", "/dev/null")
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder))


def make_index(folder: Path) -> Path:
    """Makes a folder with a wheel of each package that edgetl's extra `device` needs."""
    names = {"click", "numpy", "pip", *(text.partition(">")[0].partition("<")[0] for text in packages("device"))}
    for name in names:
        make_wheel(folder, name)
    return folder

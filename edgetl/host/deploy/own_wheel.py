"""Packs the running edgetl into a wheel, whether it was installed from a wheel or from a checkout."""

from __future__ import annotations

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path

import edgetl
from edgetl.errors import EdgetlError
from edgetl.files import write_atomic

_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL")
"""Files about an installation that mean nothing elsewhere, or that are written anew."""
_WHEEL = "Wheel-Version: 1.0\nGenerator: edgetl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_DATE = (1980, 1, 1, 0, 0, 0)
"""Every file in the wheel has this date, so that the same sources always give the same bytes."""


def make_own_wheel(folder: Path) -> Path:
    """Writes a wheel of the running edgetl; the same sources always give the same file.

    Args:
        folder: the folder of the wheel; it is made if it isn't there.

    Returns:
        The wheel. Its name contains a part of its digest, because different sources have the same version.

    Raises:
        EdgetlError: edgetl is not installed, so that nobody knows its requirements.
    """
    try:
        installed = distribution("edgetl")
    except PackageNotFoundError as error:
        what = "edgetl is not installed, so no wheel can be made of it"
        raise EdgetlError(what, remedy="run `pip install -e .` in the checkout") from error
    content = _zipped(dict(sorted(_contents(installed.version))), f"edgetl-{installed.version}.dist-info")
    build = "0" + hashlib.sha256(content).hexdigest()[:8]
    wheel = folder / f"edgetl-{installed.version}-{build}-py3-none-any.whl"
    if not wheel.is_file() or wheel.read_bytes() != content:
        write_atomic(wheel, content)
    return wheel


def _contents(version: str) -> Iterator[tuple[str, bytes]]:
    """Yields the name in the wheel and the content of each file."""
    package = Path(edgetl.__file__).resolve().parent
    for path in _files_below(package):
        yield f"edgetl/{path.relative_to(package).as_posix()}", path.read_bytes()
    for source, name in _added_by_a_build(package.parent):
        for path in _files_below(source) if source.is_dir() else [source]:
            below = f"/{path.relative_to(source).as_posix()}" if source.is_dir() else ""
            yield name + below, path.read_bytes()
    info = f"edgetl-{version}.dist-info"
    for file in distribution("edgetl").files or ():
        if file.parts[0] == info and file.name not in _LEFT_OUT:
            yield file.as_posix(), Path(str(file.locate())).read_bytes()
    yield f"{info}/WHEEL", _WHEEL.encode()


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _added_by_a_build(checkout: Path) -> list[tuple[Path, str]]:
    """Returns the files and folders of a checkout that a build puts into the package, and their names in the wheel."""
    project = checkout / "pyproject.toml"
    if not project.is_file():
        return []  # this is an installed wheel, which has them
    tools = tomllib.loads(project.read_text())["tool"]
    added: dict[str, str] = tools["hatch"]["build"]["targets"]["wheel"]["force-include"]
    return [(checkout / source, name) for source, name in added.items()]


def _zipped(contents: dict[str, bytes], info: str) -> bytes:
    """Returns a wheel with its list of files.

    Args:
        contents: the files by their names in the wheel, in its order.
        info: the name of the folder about the package.
    """
    rows = []
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}\n")
    rows.append(f"{info}/RECORD,,\n")
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {**contents, f"{info}/RECORD": "".join(rows).encode()}.items():
            member = zipfile.ZipInfo(name, _DATE)
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()

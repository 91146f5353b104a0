"""Makes the command that adds one of edgetl's extras to the running Python.

No package index has edgetl, so the command names the checkout or the wheel that this installation was made from. If
neither is known, it names the packages of the extra.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([\w-]+)['"]""")


def install_command(extra: str) -> str:
    """Returns a command for the shell that installs an extra.

    Args:
        extra: name of an extra in `pyproject.toml`, such as `train`.
    """
    pip = f"{shlex.quote(sys.executable or 'python3')} -m pip install"
    if checkout := _checkout():
        return f"{pip} -e {shlex.quote(f'{checkout}[{extra}]')}"
    if wheel := _wheel():
        return f"{pip} --find-links {shlex.quote(str(wheel.parent))} {shlex.quote(f'{wheel}[{extra}]')}"
    return f"{pip} {' '.join(shlex.quote(package) for package in packages(extra))}"


def install_package(package: str, *options: str) -> str:
    """Returns a command for the shell that installs a package of the index.

    Args:
        package: name of the package on the index.
        options: further options of `pip install`.
    """
    return " ".join([shlex.quote(sys.executable or "python3"), "-m pip install", *options, shlex.quote(package)])


def packages(extra: str) -> tuple[str, ...]:
    """Returns the requirements of an extra and of the extras that it includes, in pip's form.

    Args:
        extra: name of the extra.
    """
    found = []
    for requirement in _requirements():
        package, _, condition = requirement.partition(";")
        extras = _EXTRA.findall(condition)
        if extra in extras and not package.startswith("edgetl"):
            found.append(package.strip())
    return tuple(dict.fromkeys(found))


def _requirements() -> tuple[str, ...]:
    try:
        return tuple(distribution("edgetl").requires or ())
    except PackageNotFoundError:
        return ()


def _checkout() -> Path | None:
    """Returns the source checkout from which this module was imported; None if it comes from a wheel."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def _wheel() -> Path | None:
    """Returns the wheel that pip recorded for this installation; None if there is none or its file is gone."""
    try:
        record = distribution("edgetl").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlparse(json.loads(record)["url"]) if record else None
    path = Path(unquote(url.path)) if url and url.scheme == "file" else None
    return path if path and path.is_file() else None

"""Tells what a device has: its Pythons, processor, C library, systemd, free space, releases, environments, wheels."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from edgetl.device.release.device_lock import holder_text, is_locked
from edgetl.device.release.digests import file_digests, folders_of
from edgetl.errors import EdgetlError
from edgetl.files import sha256_of

_PROBE = """
import importlib.util, json, os, platform, struct, sys
libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
found = {name: importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip")}
print(json.dumps({"path": os.path.realpath(sys.executable), "version": platform.python_version(),
    "bits": 8 * struct.calcsize("P"), "libc": libc or "unknown", **found}))
"""
"""A program that asks a Python for its facts; Debian's Python lacks `ensurepip`, and other C libraries have no name."""
_LONGEST = 30.0
"""Time that a program may take to answer, s; an emulated processor is slow."""


def device_facts(root: Path) -> dict[str, object]:
    """Returns what the workstation must know of this device before it sends anything.

    Args:
        root: the folder `~/edgetl`, which need not exist.

    Returns:
        JSON-ready values: `host`, `home`, `root` (whether the user is root), `arch` (as `uname -m` prints it),
        `pythons` (see `pythons`), `systemd` (`system` and `user`: whether each answers), `rsync`, `free` (bytes),
        `current` (a digest or null), `releases` (the SHA-256 of each file by its path, by digest), `envs` (digests),
        `wheels` (SHA-256 by the file's name), `locked_by` (a text or null).
    """
    system = os.uname()
    return {
        "host": system.nodename,
        "home": str(root.parent),
        "root": os.geteuid() == 0,
        "arch": system.machine,
        "pythons": pythons(),
        "systemd": {"system": _systemd_answers("show"), "user": _systemd_answers("--user", "show")},
        "rsync": shutil.which("rsync") is not None,
        "free": shutil.disk_usage(root if root.is_dir() else root.parent).free,
        "current": current_digest(root),
        "releases": {folder.name: _files_of(folder) for folder in folders_of(root / "releases")},
        "envs": [folder.name for folder in folders_of(root / "envs") if (folder / ".complete").is_file()],
        "wheels": {wheel.name: sha256_of(wheel) for wheel in sorted((root / "wheels").glob("*.whl"))},
        "locked_by": holder_text(root) if is_locked(root) else None,
    }


def current_digest(root: Path) -> str | None:
    """Returns the digest of the release that `current` points to; None if there is no such link.

    Args:
        root: the folder `~/edgetl`.
    """
    link = root / "current"
    return link.readlink().name if link.is_symlink() else None


def pythons() -> list[dict[str, object]]:
    """Returns each Python 3 of this device, the running one first.

    Returns:
        Its `path`, `version` (e.g. `3.11.2`), `bits` (32 or 64), `libc` (e.g. `glibc 2.36`), and whether it has the
        modules `venv` and `ensurepip`.
    """
    folders = map(Path, filter(None, os.environ.get("PATH", os.defpath).split(os.pathsep)))
    found = {path.resolve() for folder in folders for path in folder.glob("python3.*[0-9]")}
    running = Path(sys.executable).resolve()
    answers = {}
    for path in [running, *sorted(found - {running})]:
        with suppress(OSError, ValueError, subprocess.SubprocessError):
            answer = json.loads(_output([str(path), "-I", "-c", _PROBE]))
            answers[answer["path"]] = answer  # a script in the path may start a Python that is elsewhere
    return list(answers.values())


def _files_of(folder: Path) -> dict[str, str]:
    with suppress(OSError, EdgetlError):
        return file_digests(folder)
    return {}


def _systemd_answers(*words: str) -> bool:
    """Says whether systemd answers to `systemctl` with these words."""
    program = shlex.split(os.environ.get("EDGETL_SYSTEMCTL") or "systemctl")
    command = [*program, *words, "--property=Version"]
    runtime = Path("/run/user") / str(os.geteuid())  # a login by ssh may not name it
    environment = ({"XDG_RUNTIME_DIR": str(runtime)} if runtime.is_dir() else {}) | os.environ
    with suppress(OSError, subprocess.SubprocessError):
        return bool(_output(command, environment).strip())
    return False


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    quiet = subprocess.DEVNULL
    return subprocess.check_output(command, stdin=quiet, stderr=quiet, timeout=_LONGEST, text=True, env=environment)

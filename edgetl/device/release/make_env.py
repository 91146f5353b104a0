"""Makes the environment of a release on the device: a venv in its final place, from wheels with checked digests."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from edgetl.device.release.device_facts import pythons
from edgetl.device.release.digests import Release, checked_release
from edgetl.device.release.receive import sync_directory
from edgetl.errors import EdgetlError, ModelError, UsageError
from edgetl.files import sha256_of
from edgetl.text import printable

COMPLETE = ".complete"
"""The file that is written last; an environment without it is made again."""
_PIP = ("--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check")


def make_env(root: Path, digest: str, online: str | None = None) -> dict[str, object]:
    """Makes the environment of a release that was received, unless it is there and its Python starts.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest.
        online: the extras of edgetl, such as `device,mqtt`, that pip takes from a package index; None installs the
            release's wheels alone, without internet.

    Returns:
        JSON-ready values: `env` (the environment's digest) and `already` (whether it was there).

    Raises:
        ModelError: the release or a wheel was altered.
        UsageError: the device has no Python of the release's version.
        EdgetlError: a wheel is missing, or pip failed; nothing is left of the environment.
    """
    release = checked_release(root / "releases" / digest)
    env = root / "envs" / release.env
    if is_complete(env):
        return {"env": env.name, "already": True}
    wheels = [_checked(root / "wheels" / name, sha256) for name, sha256 in sorted(release.wheels.items())]
    shutil.rmtree(env, ignore_errors=True)
    try:
        _install(env, wheels, _python(release), online)
        (env / COMPLETE).touch()
        sync_directory(env)
    except BaseException:
        shutil.rmtree(env, ignore_errors=True)
        raise
    return {"env": env.name, "already": False}


def is_complete(env: Path) -> bool:
    """Says whether an environment was made to its end, and its Python still starts.

    An update of the system may remove the Python that the environment was made with.

    Args:
        env: the environment's folder.
    """
    with suppress(OSError):
        command = [str(env / "bin" / "python"), "-I", "-c", ""]
        return (env / COMPLETE).is_file() and subprocess.run(command, check=False).returncode == 0
    return False


def _checked(wheel: Path, sha256: str) -> Path:
    if not wheel.is_file():
        raise EdgetlError("a wheel of the environment is missing", where=str(wheel), remedy="deploy the release again")
    if sha256_of(wheel) != sha256:
        raise ModelError(
            "a wheel was altered: its SHA-256 differs", where=str(wheel), remedy="deploy the release again"
        )
    return wheel


def _python(release: Release) -> str:
    for python in pythons():
        if python["venv"] and str(python["version"]).startswith(f"{release.python}."):
            return str(python["path"])
    what = f"this device has no Python {release.python} that can make environments"
    raise UsageError(what, remedy="deploy again, so that the release is made for a Python that is here")


def _install(env: Path, wheels: list[Path], python: str, online: str | None) -> None:
    """Makes a venv and installs wheels; pip runs from its own wheel, because Debian's Python has none for a venv."""
    pip = next((wheel for wheel in wheels if wheel.name.startswith("pip-")), None)
    _run([python, "-I", "-m", "venv", *(["--without-pip"] if pip else []), str(env)], env)
    named = [f"{wheel}[{online}]" if online and wheel.name.startswith("edgetl-") else str(wheel) for wheel in wheels]
    source = ["--find-links", str(env.parent.parent / "wheels"), *([] if online else ["--no-index"])]
    runner = [f"{pip}/pip"] if pip else ["-m", "pip"]
    python = str(env / "bin" / "python")
    _run([python, *runner, "install", *_PIP, *source, *(name for name in named if name != str(pip))], env)
    _run([python, "-I", "-c", "import edgetl"], env)


def _run(command: list[str], env: Path) -> None:
    done = subprocess.run(  # with the lock, which is open
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, close_fds=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        what = f"the environment can't be made: {printable(lines[-1])}"
        raise EdgetlError(what, where=str(env), remedy="free some space or correct the cause, and deploy again")

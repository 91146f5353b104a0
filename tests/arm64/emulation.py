"""Programs for arm64 on an x86-64 Linux: QEMU, and the kernel told to start it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QEMU = "qemu-aarch64-static"
TOOLS = {QEMU: "qemu-user-static", "debootstrap": "debootstrap", "unshare": "util-linux"}
"""Programs by the Debian packages that have them."""

_FORMATS = Path("/proc/sys/fs/binfmt_misc")
_OWN = "edgetl-arm64"
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
_MACHINE = "02010100000000000000000002" + "00b700"
"""How the kernel tells the magic of arm64's programs, from its fifth byte on."""


class NotHereError(Exception):
    """This machine can't run arm64's programs, whatever is installed; the message says why."""


class NotInstalledError(Exception):
    """This machine could, but lacks programs; the message says how to install them."""


def require_machine() -> None:
    """Passes where arm64's programs can be run.

    Raises:
        NotHereError: they can't be.
        NotInstalledError: they could be.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise NotHereError(f"this proof compares arm64 with Linux on x86-64, and this is {platform.platform()}")
    if os.geteuid() != 0:
        raise NotHereError("only root may make a system in a folder and have its programs run")
    packages = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if packages:
        told = f"not installed: {', '.join(packages)}"
        if shutil.which("apt-get"):
            raise NotInstalledError(f"{told}; apt-get install --no-install-recommends {' '.join(packages)}")
        raise NotHereError(f"{told}, and there is no apt-get to install that with")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        raise NotHereError("this container may not mount anything, not even for itself (it lacks CAP_SYS_ADMIN)")


@contextmanager
def emulation() -> Iterator[None]:
    """Has the kernel start arm64's programs with QEMU, in any root folder, while the block runs.

    What it mounted and told the kernel for that is undone at the end; what was so before stays.

    Raises:
        NotHereError: this kernel can't be told.
    """
    mounted = not (_FORMATS / "register").exists()
    if mounted and _mount() != 0:
        raise NotHereError(f"this kernel has no binfmt_misc, or this container may not mount it at {_FORMATS}")
    try:
        registered = not any(map(_starts_arm64, _FORMATS.iterdir()))
        if registered:
            _register()
        try:
            yield
        finally:
            if registered:
                (_FORMATS / _OWN).write_text("-1")
    finally:
        if mounted:
            subprocess.run(["umount", str(_FORMATS)], check=True)


def _mount() -> int:
    return subprocess.run(["mount", "-t", "binfmt_misc", "none", str(_FORMATS)], capture_output=True).returncode


def _register() -> None:
    # F: the kernel opens QEMU now, so that a root folder without it will do.
    line = f":{_OWN}:M::{_MAGIC}:{_MASK}:{shutil.which(QEMU)}:F"
    try:
        (_FORMATS / "register").write_text(line)
    except OSError as error:
        raise NotHereError(f"this kernel can't be told to start {QEMU}: {error.strerror}") from error


def _starts_arm64(entry: Path) -> bool:
    """Whether an entry of the kernel's starts arm64's programs in any root folder."""
    if entry.name in ("register", "status"):
        return False
    told = dict(line.partition(" ")[::2] for line in entry.read_text().splitlines())
    return "enabled" in told and "F" in told.get("flags:", "") and _MACHINE in told.get("magic", "")

"""Describes the system of a device as far as wheels depend on it, and refuses systems for which there are none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgetl.errors import EdgetlError, UsageError

_ARCHITECTURES = {"aarch64": 17, "x86_64": 5}
"""The architectures with wheels of a runtime, and the oldest glibc 2 that tags of their wheels name."""
_LEGACY = {"aarch64": ("manylinux2014",), "x86_64": ("manylinux2014", "manylinux2010", "manylinux1")}
_GLIBC = re.compile(r"glibc 2\.(\d{1,3})(?:\.\d+)?")
_PYTHON = re.compile(r"3\.(\d{1,2})")
_64_BITS = "install a 64-bit system, for example the 64-bit Raspberry Pi OS"


class NoWheelsError(UsageError):
    """There are no wheels for the device's system, so that nothing can be installed there."""


@dataclass(frozen=True, slots=True)
class DevicePlatform:
    """The Python, the architecture and the C library of a device.

    Attributes:
        python: the version of Python, e.g. `3.11`.
        arch: the architecture, as `uname -m` prints it.
        libc: the C library and its version, e.g. `glibc 2.36`.
        bits: the width of an address in that Python, 32 or 64.
    """

    python: str
    arch: str
    libc: str
    bits: int = 64

    def __str__(self) -> str:
        return f"Python {self.python}, {self.arch}, {self.libc}"

    def require_supported(self, oldest: str) -> None:
        """Refuses a system for which there are no wheels.

        Args:
            oldest: the oldest Python that edgetl works with, e.g. `3.11`.

        Raises:
            NoWheelsError: the system has 32 bits, another architecture, another C library, or too old a Python.
        """
        if self.bits != 64 or self.arch in ("armv6l", "armv7l", "i686"):
            raise NoWheelsError(f"there are no runtimes for 32 bits ({self})", remedy=_64_BITS)
        if self.arch not in _ARCHITECTURES:
            known = " and ".join(_ARCHITECTURES)
            raise NoWheelsError(f"there are wheels for {known} only ({self})", remedy="use another device")
        if not _GLIBC.fullmatch(self.libc):
            remedy = "install a system with glibc, for example Raspberry Pi OS or Debian"
            raise NoWheelsError(f"the runtimes need glibc ({self})", remedy=remedy)
        minor = _PYTHON.fullmatch(self.python)
        if not minor or int(minor[1]) < int(oldest.partition(".")[2]):
            remedy = "install a newer system, for example Raspberry Pi OS Bookworm"
            raise NoWheelsError(f"edgetl needs Python {oldest} ({self})", remedy=remedy)

    @property
    def tags(self) -> list[str]:
        """The platform tags of the wheels that run there, newest first."""
        glibc = _GLIBC.fullmatch(self.libc)
        newest, oldest = int(glibc[1]) if glibc else 17, _ARCHITECTURES.get(self.arch, 17)
        numbered = [f"manylinux_2_{minor}_{self.arch}" for minor in range(newest, oldest - 1, -1)]
        return numbered + [f"{name}_{self.arch}" for name in _LEGACY.get(self.arch, ())]

    @property
    def markers(self) -> dict[str, str]:
        """The values of a requirement's conditions on that system, by name."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.arch,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


def no_wheel_error(package: str, platform: DevicePlatform) -> EdgetlError:
    """Returns the error for a package that has no wheel for a device.

    Args:
        package: the requirement, in pip's form.
        platform: the device's system.
    """
    remedy = "install a system with wheels, for example the 64-bit Raspberry Pi OS Bookworm or Trixie"
    return NoWheelsError(f"there is no wheel of {package} for the device ({platform})", remedy=remedy)

"""Describes a machine by the facts that decide how fast a model runs on it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgetl.device.runtime.threads import cores
from edgetl.target import Target

_SPEED_PACKAGES = ("ai-edge-litert", "tflite-runtime", "openvino", "numpy", "opencv-python-headless", "opencv-python")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_BOARD = Path("/proc/device-tree/model")
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """A fingerprint of a machine; a measurement is valid only as long as every part of it is the same.

    Attributes:
        cpu: the board's name if it states one, as a Raspberry Pi does; else the processor's name.
        cores: the number of cores that this process may use.
        governor: the governor of the clock; empty if the system doesn't state it.
        system: the operating system, its release, and the architecture.
        python: the version of Python.
        packages: the versions of the packages that process a frame, by their names.
    """

    cpu: str
    cores: int
    governor: str
    system: str
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls) -> Machine:
        """Returns the fingerprint of this machine."""
        return cls(
            cpu=_text(_BOARD).rstrip("\0") or _processor(),
            cores=cores(),
            governor=_text(_GOVERNOR).strip(),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=platform.python_version(),
            packages={name: found for name in _SPEED_PACKAGES if (found := installed_version(name))},
        )

    def is_a(self, target: Target) -> bool:
        """Returns whether this machine is of a target's kind."""
        return self.system.endswith(f" {target.arch}") and self.cpu.startswith(target.board)

    def __str__(self) -> str:
        clock = f", governor {self.governor}" if self.governor else ""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return f"{self.cpu}, {self.cores} cores{clock}; {self.system}; Python {self.python}, {packages}"


def _processor() -> str:
    names = (line.partition(":")[2].strip() for line in _text(_CPUINFO).splitlines() if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def installed_version(package: str) -> str:
    """Returns the version of an installed package; empty if it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

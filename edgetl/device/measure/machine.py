"""What of a machine decides how fast a model runs on it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgetl.device.runtime.threads import cores
from edgetl.target import Target

_PACKAGES = ("ai-edge-litert", "tflite-runtime", "openvino", "numpy", "opencv-python-headless", "opencv-python")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_BOARD = Path("/proc/device-tree/model")
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """A fingerprint: where any of it differs, what was measured says nothing any more.

    Attributes:
        cpu: the board's name where it tells one, as a Raspberry Pi does, else the processor's.
        cores: that this process may use.
        governor: of the clock; empty where the system doesn't tell.
        system: operating system, its release, and the architecture.
        python: its version.
        packages: the versions of those that are on a frame's way.
    """

    cpu: str
    cores: int
    governor: str
    system: str
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls) -> Machine:
        """Looks at the machine that this runs on."""
        return cls(
            cpu=_text(_BOARD).rstrip("\0") or _processor(),
            cores=cores(),
            governor=_text(_GOVERNOR).strip(),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=platform.python_version(),
            packages={name: found for name in _PACKAGES if (found := _version(name))},
        )

    def is_a(self, target: Target) -> bool:
        """Says whether this is a machine of a target's kind."""
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

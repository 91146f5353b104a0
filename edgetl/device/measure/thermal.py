"""Reads this machine's temperature and clock, and whether the clock is held down."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ZONES = Path("/sys/class/thermal")
_CLOCK = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_NOW = 0xF
"""The bits of Raspberry Pi's flags that describe the present state; higher bits describe the time since the start."""


@dataclass(frozen=True, slots=True)
class Thermal:
    """The state of a machine at one moment; a value is None if the machine doesn't report it.

    Attributes:
        celsius: the temperature of the hottest zone, °C.
        clock_mhz: the clock of the first core, MHz.
        flags: the flags of Raspberry Pi's firmware; see `throttled`.
    """

    celsius: float | None
    clock_mhz: float | None
    flags: int | None

    @classmethod
    def here(cls) -> Thermal:
        """Reads the state of this machine, in well below a millisecond."""
        zones = [number for path in _ZONES.glob("thermal_zone*/temp") if (number := _number(path)) is not None]
        clock = _number(_CLOCK)
        flags = _number(_THROTTLED, 16)
        return cls(
            max(zones) / 1e3 if zones else None,
            clock / 1e3 if clock is not None else None,
            int(flags) if flags is not None else None,
        )

    @property
    def throttled(self) -> bool | None:
        """Whether the clock is held down now by heat or low voltage; None if unknown."""
        return None if self.flags is None else bool(self.flags & _NOW)

    def __str__(self) -> str:
        parts = [f"{self.celsius:.0f} °C"] if self.celsius is not None else []
        parts += [f"{self.clock_mhz:.0f} MHz"] if self.clock_mhz is not None else []
        parts += ["held down"] if self.throttled else []
        return ", ".join(parts)


def firmware_flags() -> int | None:
    """Reads the flags of Raspberry Pi's firmware with `vcgencmd`, for systems whose /sys doesn't have them.

    Returns:
        The flags; None if there is no such firmware. The call takes some milliseconds.
    """
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    try:
        output = subprocess.run([tool, "get_throttled"], capture_output=True, text=True, timeout=1, check=True).stdout
        return int(output.strip().removeprefix("throttled="), 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _number(path: Path, base: int = 10) -> float | None:
    try:
        return int(path.read_text().strip(), base)
    except (OSError, ValueError):
        return None

"""How hot this machine is, how fast its clock, and whether that is held down."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ZONES = Path("/sys/class/thermal")
_CLOCK = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_NOW = 0xF
"""The bits of Raspberry Pi's firmware that tell what is so now; the higher ones tell what has been since its start."""


@dataclass(frozen=True, slots=True)
class Thermal:
    """Of one moment; None where the machine doesn't tell.

    Attributes:
        celsius: of the hottest zone.
        clock_mhz: of the first core.
        flags: Raspberry Pi's, see `throttled`.
    """

    celsius: float | None
    clock_mhz: float | None
    flags: int | None

    @classmethod
    def here(cls) -> Thermal:
        """Looks at the machine that this runs on; takes well below a millisecond."""
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
        """Whether the clock is held down just now, by heat or too little voltage."""
        return None if self.flags is None else bool(self.flags & _NOW)

    def __str__(self) -> str:
        parts = [f"{self.celsius:.0f} °C"] if self.celsius is not None else []
        parts += [f"{self.clock_mhz:.0f} MHz"] if self.clock_mhz is not None else []
        parts += ["held down"] if self.throttled else []
        return ", ".join(parts)


def firmware_flags() -> int | None:
    """Asks Raspberry Pi's firmware for its flags with `vcgencmd`, for where /sys doesn't tell; takes some milliseconds.

    Returns:
        The flags; None where there is no such firmware.
    """
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    try:
        told = subprocess.run([tool, "get_throttled"], capture_output=True, text=True, timeout=1, check=True).stdout
        return int(told.strip().removeprefix("throttled="), 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _number(path: Path, base: int = 10) -> float | None:
    try:
        return int(path.read_text().strip(), base)
    except (OSError, ValueError):
        return None

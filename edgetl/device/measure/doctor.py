"""Checks what this machine has and lacks for running models, with a remedy for each problem."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from edgetl.device.measure.machine import Machine, installed_version
from edgetl.device.measure.thermal import Thermal
from edgetl.device.runtime import RUNTIMES, UnloadableRuntimeError, require_runtime
from edgetl.install import install_command, install_package

State = Literal["ok", "note", "warning", "missing"]
"""The result of a check. `note`: something that only some users need is missing; `warning`: it works, but not well;
`missing`: no model runs."""

_RUNTIME_PACKAGES = {"tflite": ("ai-edge-litert", "tflite-runtime"), "openvino": ("openvino",)}
_EXTRAS = {
    "page": ("uvicorn", "the live page, run --serve"),
    "mqtt": ("paho-mqtt", "run --mqtt"),
    "train": ("tensorflow", "train, convert, eval"),
}
"""The optional extras, each with a package that it installs and the commands that need it."""

_LEAST_FREE = 500 << 20
"""Less free disk space than this, bytes, is a warning: a bundle, recordings and logs need some."""

_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: the name of the checked part.
        state: the result.
        found: what was found, in one line.
        remedy: what to do about it; empty if there is nothing to do.
    """

    name: str
    state: State
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n{'':<21}{self.remedy}" if self.remedy else ""
        return f"{self.state:<9}{self.name:<12}{self.found}{remedy}"

    def to_dict(self) -> dict[str, str]:
        """Returns JSON-ready values."""
        return asdict(self)


def examine() -> list[Check]:
    """Checks everything that a run depends on; changes nothing, and opens no camera."""
    return [result for check in _CHECKS for result in check()]


def _system() -> Iterator[Check]:
    machine = Machine.here()
    yield Check("machine", "ok", f"{machine.cpu}, {machine.cores} cores; {machine.system}")
    if sys.maxsize < 2**32:
        remedy = "install the 64-bit Raspberry Pi OS: there are no runtimes for 32 bits"
        yield Check("python", "missing", f"Python {machine.python}, 32-bit", remedy)
    else:
        yield Check("python", "ok", f"Python {machine.python}, {' '.join(platform.libc_ver())}")
    if machine.governor == "powersave":
        remedy = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        yield Check("clock", "warning", "the clock governor is powersave: the processor stays slow", remedy)


def _runtimes() -> Iterator[Check]:
    broken: list[Check] = []
    found = 0
    for name in RUNTIMES:
        try:
            require_runtime(name)
        except UnloadableRuntimeError as error:
            broken.append(Check(name, "note", error.what, error.remedy))
        else:
            found += 1
            versions = {package: installed_version(package) for package in _RUNTIME_PACKAGES[name]}
            yield Check(name, "ok", ", ".join(f"{package} {number}" for package, number in versions.items() if number))
    for check in broken:
        yield check if found else Check(check.name, "missing", check.found, check.remedy)


def _opencv() -> Iterator[Check]:
    try:
        import cv2
    except ImportError as error:
        # The headless wheel needs no X libraries.
        remedy = install_package("opencv-python-headless")
        if installed_version("opencv-python"):
            remedy = f"pip uninstall opencv-python, then {remedy}"
        yield Check("opencv", "missing", f"OpenCV can't be imported: {error}", remedy)
        return
    wheels = [name for name in ("opencv-python-headless", "opencv-python") if installed_version(name)]
    if len(wheels) > 1:
        remedy = f"pip uninstall {' '.join(wheels)}, then install one of them: they share their files"
        yield Check("opencv", "warning", f"both {' and '.join(wheels)} are installed", remedy)
    else:
        windows = cv2.currentUIFramework() or "no windows (`run --show` needs the extra `window`)"
        yield Check("opencv", "ok", f"{cv2.__version__}, {windows}")
    backends = {cv2.videoio_registry.getBackendName(number) for number in cv2.videoio_registry.getBackends()}
    if "FFMPEG" not in backends:
        remedy = "install the opencv-python-headless wheel of PyPI"
        yield Check("films", "note", "this OpenCV can't read video files and streams", remedy)


def _cameras() -> Iterator[Check]:
    devices = sorted(_DEVICES.glob("video*"))
    closed = [str(path) for path in devices if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        remedy = "sudo usermod -aG video $USER, then log in again"
        yield Check("cameras", "warning", f"no permission to use {', '.join(closed)}", remedy)
    elif devices:
        yield Check("cameras", "ok", f"{', '.join(map(str, devices))}; see `edgetl cameras`")
    else:
        yield Check("cameras", "note", "no /dev/video*: connect a USB camera, or use a stream, a video file or photos")


def _heat() -> Iterator[Check]:
    thermal = Thermal.here()
    if thermal.throttled:
        remedy = "use the board's own power supply, and a heat sink or a fan"
        what = f"too hot, or the voltage is too low: the clock is held down ({thermal.flags:#x}) {thermal}"
        yield Check("power", "warning", what, remedy)
    elif thermal.flags:
        what = f"the clock has been held down since the last start ({thermal.flags:#x}) {thermal}"
        yield Check("power", "note", what)
    elif str(thermal):
        yield Check("power", "ok", str(thermal))


def _disk() -> Iterator[Check]:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    found = f"{free / (1 << 30):.1f} GB free in {here}"
    if free < _LEAST_FREE:
        yield Check("disk", "warning", found, "free some space, or give --save a folder on another disk")
    else:
        yield Check("disk", "ok", found)


def _extras() -> Iterator[Check]:
    for extra, (package, use) in _EXTRAS.items():
        found = installed_version(package)
        if found:
            yield Check(extra, "ok", f"{package} {found}: {use}")
        else:
            yield Check(extra, "note", f"not installed: {use}", install_command(extra))


_CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (_system, _runtimes, _opencv, _cameras, _heat, _disk, _extras)

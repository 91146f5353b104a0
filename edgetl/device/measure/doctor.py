"""What this machine has and lacks, with the remedy."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from edgetl.device.measure.machine import Machine
from edgetl.device.measure.thermal import Thermal
from edgetl.device.runtime import RUNTIMES, UnloadableRuntimeError, require_runtime
from edgetl.install import install_command, install_package

State = Literal["ok", "note", "warning", "missing"]
"""`note`: something that only some need isn't here; `warning`: it works, but not well; `missing`: nothing runs."""

_PACKAGES = {"tflite": ("ai-edge-litert", "tflite-runtime"), "openvino": ("openvino",)}
_EXTRAS = {
    "page": ("uvicorn", "the live page, run --serve"),
    "mqtt": ("paho-mqtt", "run --mqtt"),
    "train": ("tensorflow", "train, convert, eval"),
}
_LEAST_FREE = 500 << 20
"""Of the disk, bytes: a bundle, films and logs want some."""
_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of it.
        state: see `State`.
        found: in a line.
        remedy: what to do; empty where there is nothing to be done.
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
    """Looks at everything that a run depends on; changes nothing, and opens no camera."""
    return [check for look in _LOOKS for check in look()]


def _system() -> Iterator[Check]:
    machine = Machine.here()
    yield Check("machine", "ok", f"{machine.cpu}, {machine.cores} cores; {machine.system}")
    if sys.maxsize < 2**32:
        remedy = "install the 64-bit Raspberry Pi OS: there are no runtimes for 32 bits"
        yield Check("python", "missing", f"Python {machine.python} of 32 bits", remedy)
    else:
        yield Check("python", "ok", f"Python {machine.python}, {' '.join(platform.libc_ver())}")
    if machine.governor == "powersave":
        remedy = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        yield Check("clock", "warning", "the governor is powersave: the processor stays slow", remedy)


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
            packages = (f"{package} {_version(package)}" for package in _PACKAGES[name] if _version(package))
            yield Check(name, "ok", ", ".join(packages))
    for check in broken:
        yield check if found else Check(check.name, "missing", check.found, check.remedy)


def _opencv() -> Iterator[Check]:
    try:
        import cv2
    except ImportError as error:
        # Of the two wheels the headless one needs no X libraries.
        remedy = install_package("opencv-python-headless")
        if _version("opencv-python"):
            remedy = f"pip uninstall opencv-python, then {remedy}"
        yield Check("opencv", "missing", f"OpenCV can't be imported: {error}", remedy)
        return
    wheels = [name for name in ("opencv-python-headless", "opencv-python") if _version(name)]
    if len(wheels) > 1:
        remedy = f"pip uninstall {' '.join(wheels)}, then install the one that is wanted: they share their files"
        yield Check("opencv", "warning", f"both {' and '.join(wheels)} are installed", remedy)
    else:
        windows = cv2.currentUIFramework() or "no windows (`run --show` needs the extra `window`)"
        yield Check("opencv", "ok", f"{cv2.__version__}, {windows}")
    backends = {cv2.videoio_registry.getBackendName(number) for number in cv2.videoio_registry.getBackends()}
    if "FFMPEG" not in backends:
        remedy = "install the opencv-python-headless wheel of PyPI"
        yield Check("films", "note", "this OpenCV reads no films and streams", remedy)


def _cameras() -> Iterator[Check]:
    devices = sorted(_DEVICES.glob("video*"))
    closed = [str(path) for path in devices if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        remedy = "sudo usermod -aG video $USER, then log in again"
        yield Check("cameras", "warning", f"no permission to use {', '.join(closed)}", remedy)
    elif devices:
        yield Check("cameras", "ok", f"{', '.join(map(str, devices))}; `edgetl cameras` tells more")
    else:
        yield Check("cameras", "note", "no /dev/video*: plug a USB camera in, or use a stream, a film or photos")


def _heat() -> Iterator[Check]:
    thermal = Thermal.here()
    if thermal.throttled:
        remedy = "use the power supply made for it, and a heat sink or a fan"
        what = f"too hot, or too little voltage: the clock is held down ({thermal.flags:#x}) {thermal}"
        yield Check("power", "warning", what, remedy)
    elif thermal.flags:
        what = f"the clock has been held down since the last start ({thermal.flags:#x}) {thermal}"
        yield Check("power", "note", what)
    elif str(thermal):
        yield Check("power", "ok", str(thermal))


def _disk() -> Iterator[Check]:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    told = f"{free / (1 << 30):.1f} GB free in {here}"
    if free < _LEAST_FREE:
        yield Check("disk", "warning", told, "free some, or run --save elsewhere")
    else:
        yield Check("disk", "ok", told)


def _extras() -> Iterator[Check]:
    for extra, (package, use) in _EXTRAS.items():
        found = _version(package)
        if found:
            yield Check(extra, "ok", f"{package} {found}: {use}")
        else:
            yield Check(extra, "note", f"not installed: {use}", install_command(extra))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


_LOOKS: tuple[Callable[[], Iterator[Check]], ...] = (_system, _runtimes, _opencv, _cameras, _heat, _disk, _extras)

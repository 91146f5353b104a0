"""Finds the cameras attached to this machine: V4L2 devices, and a Raspberry Pi's CSI cameras."""

from __future__ import annotations

import os
import re
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from edgetl.device.camera.picamera import REMEDY
from edgetl.device.camera.v4l2 import devices

_SYSFS = Path("/sys/class/video4linux")
"""Linux's folder of the names of V4L2 devices."""
_LINKS = Path("/dev/v4l/by-id")
"""udev's folder of links to V4L2 devices, which are named after the hardware."""
_BOARD = Path("/proc/device-tree/model")
"""The file with the name of the board."""
_MOST_ENTRIES = 64
"""At most this many formats, and sizes of a format, are read from a driver, which may list them without end."""

# The numbers and structures are those of the Linux kernel's linux/videodev2.h.
_QUERYCAP, _CAPABILITY = 0x80685600, struct.Struct("16s32s32sIII12x")
_ENUM_FMT, _FORMAT = 0xC0405602, struct.Struct("III32sII12x")
_ENUM_FRAMESIZES, _FRAME_SIZE = 0xC02C564A, struct.Struct("IIIII24x")
_VIDEO_CAPTURE = 0x1
_HAS_DEVICE_CAPS = 0x80000000
_DISCRETE = 1

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True, slots=True)
class AttachedCamera:
    """A camera attached to this machine.

    Attributes:
        source: the text to give with `--source`.
        name: the camera's own name; empty if it has none.
        formats: the pixel formats with their sizes, such as `MJPG 640x480 1280x720`; empty if the driver lists none.
        link: a device file that stays the same when the camera is unplugged and gets another number; empty if there is
            none.
        problem: the reason why the camera can't be used, with the remedy; empty if it can be used.
    """

    source: str
    name: str
    formats: tuple[str, ...] = ()
    link: str = ""
    problem: str = ""


def list_cameras() -> list[AttachedCamera]:
    """Finds the cameras of this machine: V4L2 devices, then a Raspberry Pi's CSI cameras."""
    found = [camera for path in devices() if (camera := _examine(path)) is not None]
    return found + _csi_cameras()


def csi_remedy() -> str:
    """Returns what to install so that a Raspberry Pi finds its CSI cameras; empty if nothing is missing."""
    if not _BOARD.exists() or "Raspberry Pi" not in _BOARD.read_text(errors="replace"):
        return ""
    try:
        import_module("picamera2")
    except ImportError:
        return REMEDY
    return ""


def _examine(path: Path) -> AttachedCamera | None:
    """Examines a `/dev/video*`; returns None if it gives no pictures, such as the device for a camera's metadata."""
    number = path.name.removeprefix("video")
    try:
        name = (_SYSFS / path.name / "name").read_text().strip()
    except OSError:
        name = ""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        remedy = "`sudo usermod -aG video $USER`, and log in again" if isinstance(error, PermissionError) else ""
        return AttachedCamera(number, name, problem=f"{error.strerror}; {remedy}".rstrip("; "))
    try:
        return AttachedCamera(number, name, tuple(_formats(handle)), _link(path)) if _captures(handle) else None
    except OSError:  # this is no V4L2 device
        return None
    finally:
        os.close(handle)


def _link(path: Path) -> str:
    """Returns the link to a device file in `_LINKS`; empty if there is none."""
    links = sorted(_LINKS.glob("*")) if _LINKS.is_dir() else []
    return next((str(link) for link in links if link.resolve() == path.resolve()), "")


def _ioctl(handle: int, request: int, buffer: bytearray) -> object:
    import fcntl  # exists only on Linux and macOS

    return fcntl.ioctl(handle, request, buffer)


def _captures(handle: int, ioctl: Ioctl = _ioctl) -> bool:
    """Says whether a V4L2 device gives pictures."""
    buffer = bytearray(_CAPABILITY.size)
    ioctl(handle, _QUERYCAP, buffer)
    *_, whole, own = _CAPABILITY.unpack(buffer)
    return bool((own if whole & _HAS_DEVICE_CAPS else whole) & _VIDEO_CAPTURE)


def _formats(handle: int, ioctl: Ioctl = _ioctl) -> Iterator[str]:
    """Yields the pixel formats of a V4L2 device, each with its sizes."""
    for index in range(_MOST_ENTRIES):
        buffer = bytearray(_FORMAT.pack(index, _VIDEO_CAPTURE, 0, b"", 0, 0))
        try:
            ioctl(handle, _ENUM_FMT, buffer)
        except OSError:  # the driver has no more formats
            return
        fourcc = _FORMAT.unpack(buffer)[4]
        name = fourcc.to_bytes(4, "little").decode(errors="replace").strip()
        yield " ".join((name, *_sizes(handle, fourcc, ioctl)))


def _sizes(handle: int, fourcc: int, ioctl: Ioctl) -> Iterator[str]:
    for index in range(_MOST_ENTRIES):
        buffer = bytearray(_FRAME_SIZE.pack(index, fourcc, 0, 0, 0))
        try:
            ioctl(handle, _ENUM_FRAMESIZES, buffer)
        except OSError:
            return
        _, _, kind, width, height = _FRAME_SIZE.unpack(buffer)
        if kind != _DISCRETE:  # the driver offers a range of sizes
            return
        yield f"{width}x{height}"


def _csi_cameras() -> list[AttachedCamera]:
    """Lists the cameras that libcamera finds, except USB cameras, which are V4L2 devices."""
    try:
        module = import_module("picamera2")
        cameras: list[dict[str, object]] = module.Picamera2.global_camera_info()
    except ImportError:
        return []
    except Exception as error:  # libcamera may raise any exception
        return [AttachedCamera("picamera://0", "", problem=f"libcamera fails: {error}")]
    own = [camera for camera in cameras if not re.search(r"\busb", str(camera.get("Id", "")), re.IGNORECASE)]
    return [AttachedCamera(f"picamera://{camera.get('Num', 0)}", str(camera.get("Model", ""))) for camera in own]


def none_found() -> str:
    """Returns what to do if no camera was found."""
    if not sys.platform.startswith("linux"):
        return "cameras are listed only on Linux; --source 0 is the first, --source 1 the second"
    return "no camera is attached: attach one, or name an rtsp:// or http:// address, a film or photos with --source"

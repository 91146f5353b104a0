"""The cameras attached to this machine."""

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
_LINKS = Path("/dev/v4l/by-id")
_BOARD = Path("/proc/device-tree/model")

# From the Linux kernel's linux/videodev2.h; its structs as `struct` writes them.
_QUERYCAP, _CAPABILITY = 0x80685600, struct.Struct("16s32s32sIII12x")
_ENUM_FMT, _FORMAT = 0xC0405602, struct.Struct("III32sII12x")
_ENUM_FRAMESIZES, _FRAME_SIZE = 0xC02C564A, struct.Struct("IIIII24x")
_VIDEO_CAPTURE = 0x1
_HAS_DEVICE_CAPS = 0x80000000
_DISCRETE = 1

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True, slots=True)
class Found:
    """A camera.

    Attributes:
        source: what `--source` takes.
        name: as it calls itself; empty where it doesn't.
        formats: such as `MJPG 640x480 1280x720`; empty where it doesn't tell.
        link: a name that it keeps when it is unplugged and comes back under another number; empty where it has none.
        trouble: why it can't be used, with the remedy; empty where it can.
    """

    source: str
    name: str
    formats: tuple[str, ...] = ()
    link: str = ""
    trouble: str = ""


def list_cameras() -> list[Found]:
    """Finds the cameras of this machine: those of V4L2, then a Raspberry Pi's own."""
    found = [camera for path in devices() if (camera := _look(path)) is not None]
    return found + _csi_cameras()


def csi_remedy() -> str:
    """Says how a Raspberry Pi's own cameras can be seen; empty where they can, and on other machines."""
    if not _BOARD.exists() or "Raspberry Pi" not in _BOARD.read_text(errors="replace"):
        return ""
    try:
        import_module("picamera2")
    except ImportError:
        return REMEDY
    return ""


def _look(path: Path) -> Found | None:
    """Looks at a `/dev/video*`; None where it gives no pictures, as the one for a camera's metadata doesn't."""
    number = path.name.removeprefix("video")
    try:
        name = (_SYSFS / path.name / "name").read_text().strip()
    except OSError:
        name = ""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        remedy = "`sudo usermod -aG video $USER`, and log in again" if isinstance(error, PermissionError) else ""
        return Found(number, name, trouble=f"{error.strerror}; {remedy}".rstrip("; "))
    try:
        return Found(number, name, tuple(_formats(handle)), _link(path)) if _captures(handle) else None
    except OSError:  # no V4L2 device at all
        return None
    finally:
        os.close(handle)


def _link(path: Path) -> str:
    links = sorted(_LINKS.glob("*")) if _LINKS.is_dir() else []
    return next((str(link) for link in links if link.resolve() == path.resolve()), "")


def _ioctl(handle: int, request: int, buffer: bytearray) -> object:
    import fcntl  # Linux's and macOS's own

    return fcntl.ioctl(handle, request, buffer)


def _captures(handle: int, ioctl: Ioctl = _ioctl) -> bool:
    """Says whether a V4L2 device gives pictures."""
    buffer = bytearray(_CAPABILITY.size)
    ioctl(handle, _QUERYCAP, buffer)
    *_, whole, own = _CAPABILITY.unpack(buffer)
    return bool((own if whole & _HAS_DEVICE_CAPS else whole) & _VIDEO_CAPTURE)


def _formats(handle: int, ioctl: Ioctl = _ioctl) -> Iterator[str]:
    """Names a V4L2 device's pixel formats with the sizes that each comes in."""
    for index in range(64):
        buffer = bytearray(_FORMAT.pack(index, _VIDEO_CAPTURE, 0, b"", 0, 0))
        try:
            ioctl(handle, _ENUM_FMT, buffer)
        except OSError:  # there are no more
            return
        fourcc = _FORMAT.unpack(buffer)[4]
        name = fourcc.to_bytes(4, "little").decode(errors="replace").strip()
        yield " ".join((name, *_sizes(handle, fourcc, ioctl)))


def _sizes(handle: int, fourcc: int, ioctl: Ioctl) -> Iterator[str]:
    for index in range(64):
        buffer = bytearray(_FRAME_SIZE.pack(index, fourcc, 0, 0, 0))
        try:
            ioctl(handle, _ENUM_FRAMESIZES, buffer)
        except OSError:
            return
        _, _, kind, width, height = _FRAME_SIZE.unpack(buffer)
        if kind != _DISCRETE:  # any size in steps
            return
        yield f"{width}x{height}"


def _csi_cameras() -> list[Found]:
    """Lists what libcamera knows, less the USB cameras among them."""
    try:
        module = import_module("picamera2")
        cameras: list[dict[str, object]] = module.Picamera2.global_camera_info()
    except ImportError:
        return []
    except Exception as error:  # whatever libcamera has
        return [Found("picamera://0", "", trouble=f"libcamera fails: {error}")]
    own = [camera for camera in cameras if not re.search(r"\busb", str(camera.get("Id", "")), re.IGNORECASE)]
    return [Found(f"picamera://{camera.get('Num', 0)}", str(camera.get("Model", ""))) for camera in own]


def none_found() -> str:
    """Says what to do where there are no cameras."""
    if not sys.platform.startswith("linux"):
        return "cameras are listed on Linux alone; --source 0 is the first, --source 1 the second"
    return "no camera is attached: attach one, or name an rtsp:// or http:// address, a film or photos with --source"

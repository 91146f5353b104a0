"""A Raspberry Pi's own camera, at its CSI connector, which OpenCV can't open: through picamera2."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import import_module
from time import monotonic
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.device.camera.address import without_password
from edgetl.device.camera.frame import Frame, taken_at
from edgetl.device.camera.protocol import Asked
from edgetl.device.closing import Closing
from edgetl.errors import CameraError, UsageError

_SIZE = (1280, 720)
_MOST_DIGITS = 3
"""The number of a camera has at most this many digits."""
_FPS = 30.0
_GRACE = 1.0
"""How long closing waits for another thread's read to return, s."""
REMEDY = (
    "`sudo apt install python3-picamera2`, and make the environment with `python3 -m venv --system-site-packages`; "
    "pip must not upgrade numpy under it"
)


class _Picamera2(Protocol):
    """What of picamera2's class is used here."""

    def create_video_configuration(self, *, main: dict[str, object], controls: dict[str, object]) -> object: ...
    def configure(self, configuration: object) -> None: ...
    def start(self) -> None: ...
    def capture_arrays(self, names: list[str]) -> tuple[list[NDArray[np.uint8]], dict[str, object]]: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class CsiCamera(Closing):
    """A started picamera2; see `edgetl.device.camera.Camera`.

    Args:
        picamera: started.
        source: as the user named it, for messages.
        size: (width, height), px.
        fps: frames a second.
    """

    live = True

    def __init__(self, picamera: _Picamera2, source: str, size: tuple[int, int], fps: float) -> None:
        self.size: tuple[int, int] | None = size
        self.fps: float | None = fps
        self._picamera = picamera
        self._source = source
        self._reading = threading.Lock()
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while (taken := self._take()) is not None:
            yield Frame(*taken, index)
            index += 1

    def _take(self) -> tuple[NDArray[np.uint8], float] | None:
        """Waits for the next picture; returns it, and when the sensor gave it."""
        with self._reading:
            if self._closed:
                return None
            try:
                (array,), facts = self._picamera.capture_arrays(["main"])
            except Exception as error:  # whatever libcamera has: its camera is gone
                remedy = "check the ribbon cable, then start again"
                raise CameraError(f"the camera is lost: {error}", where=self._source, remedy=remedy) from error
            # Its rows may be longer than the picture; what is called RGB888 lies in memory as BGR.
            image = np.ascontiguousarray(array[..., :3], np.uint8)
        stamp = facts.get("SensorTimestamp")
        return image, taken_at(stamp / 1e9 if isinstance(stamp, int) else 0.0, monotonic())

    def close(self) -> None:
        """Stops the camera."""
        if self._closed:
            return
        self._closed = True
        if self._reading.acquire(timeout=_GRACE):
            try:
                self._picamera.stop()
                self._picamera.close()
            finally:
                self._reading.release()


def open_csi(number: str, asked: Asked) -> CsiCamera:
    """Opens a Raspberry Pi's own camera.

    Args:
        number: 0 is the first.
        asked: size and frames a second; 1280 x 720 and 30 where they aren't.

    Raises:
        CameraError: picamera2 isn't installed, there is no such camera, or another program has it.
        UsageError: the number is none.
    """
    source = without_password(f"picamera://{number}")
    if not (number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise UsageError("a CSI camera has a number", where=source, remedy="say picamera://0 for the first")
    try:
        module = import_module("picamera2")
    except ImportError as error:
        raise CameraError("picamera2 can't be imported", where=source, remedy=REMEDY) from error
    size, fps = asked.size or _SIZE, asked.fps or _FPS
    picamera: _Picamera2 | None = None
    try:
        picamera = module.Picamera2(int(number))
        assert picamera is not None
        main: dict[str, object] = {"size": size, "format": "RGB888"}
        picamera.configure(picamera.create_video_configuration(main=main, controls={"FrameRate": fps}))
        picamera.start()
    except Exception as error:  # picamera2 and libcamera raise whatever they like
        if picamera is not None:
            picamera.close()
        remedy = "see `edgetl cameras`; close the program that uses it; check the ribbon cable"
        raise CameraError(f"it can't be opened: {error}", where=source, remedy=remedy) from error
    return CsiCamera(picamera, source, size, fps)

"""A Raspberry Pi's CSI camera, read through picamera2, because OpenCV can't open it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import import_module
from time import monotonic
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.device.camera.frame import Frame
from edgetl.device.camera.frame_age import taken_at
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.camera.source import Source
from edgetl.device.closing import Closing
from edgetl.errors import CameraError, UsageError
from edgetl.vision.arrays import Image

_SIZE = (1280, 720)
"""The size of the frames if none is requested, (width, height) px: enough for any model, and read at full rate."""
_FPS = 30.0
"""The frame rate if none is requested, frames a second, which every CSI camera reaches at `_SIZE`."""
_MOST_DIGITS = 3
"""The number of a camera has at most this many digits."""
_GRACE = 1.0
"""The longest wait of `close` for another thread's read to return, s."""
REMEDY = (
    "`sudo apt install python3-picamera2`, and make the environment with `python3 -m venv --system-site-packages`; "
    "pip must not upgrade numpy under it"
)


class _Picamera2(Protocol):
    """The methods of picamera2's untyped class that are called here."""

    def create_video_configuration(self, *, main: dict[str, object], controls: dict[str, object]) -> object: ...
    def configure(self, configuration: object) -> None: ...
    def start(self) -> None: ...
    def capture_arrays(self, names: list[str]) -> tuple[list[NDArray[np.uint8]], dict[str, object]]: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class CsiCamera(Closing):
    """A started picamera2; see `edgetl.device.camera.Camera`.

    Lock rule: `_reading` is held during every call of picamera2; `close` may come from any thread.

    Args:
        picamera: the started picamera2.
        shown: the source for messages.
        size: the (width, height) of the frames, px.
        fps: the frame rate, frames a second.
    """

    live = True

    def __init__(self, picamera: _Picamera2, shown: str, size: tuple[int, int], fps: float) -> None:
        self.size: tuple[int, int] | None = size
        self.fps: float | None = fps
        self._picamera = picamera
        self._source = shown
        self._reading = threading.Lock()
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while (capture := self._capture()) is not None:
            yield Frame(*capture, index)
            index += 1

    def shots(self) -> Iterator[Frame]:
        """Yields the frames, which picamera2 has converted already; see `edgetl.device.camera.Camera`."""
        return iter(self)

    def _capture(self) -> tuple[Image, float] | None:
        """Waits for the next picture; returns it with the time of its capture, None if the camera is closed."""
        with self._reading:
            if self._closed:
                return None
            try:
                (array,), metadata = self._picamera.capture_arrays(["main"])
            except Exception as error:  # libcamera may raise any exception when its camera is gone
                remedy = "check the ribbon cable, then start again"
                raise CameraError(f"the camera is lost: {error}", where=self._source, remedy=remedy) from error
            # The rows may be longer than the picture. The format called RGB888 lies in memory as BGR.
            image = np.ascontiguousarray(array[..., :3], np.uint8)
        stamp_ns = metadata.get("SensorTimestamp")
        return image, taken_at(stamp_ns / 1e9 if isinstance(stamp_ns, int) else 0.0, monotonic())

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


def open_csi(source: Source, request: CameraRequest) -> CsiCamera:
    """Opens a Raspberry Pi's CSI camera.

    Args:
        source: the camera as `picamera://N` or `csi://N`; N is 0 for the first.
        request: the size and the frame rate, by default 1280 x 720 px and 30 frames a second.

    Raises:
        CameraError: picamera2 is not installed, there is no such camera, or another program uses it.
        UsageError: the source has no number.
    """
    number = source.text.partition("://")[2]
    if not (number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise UsageError("a CSI camera has a number", where=source.shown, remedy="give picamera://0 for the first")
    try:
        module = import_module("picamera2")
    except ImportError as error:
        raise CameraError("picamera2 can't be imported", where=source.shown, remedy=REMEDY) from error
    size, fps = request.size or _SIZE, request.fps or _FPS
    picamera: _Picamera2 | None = None
    try:
        picamera = module.Picamera2(int(number))
        assert picamera is not None
        main: dict[str, object] = {"size": size, "format": "RGB888"}
        picamera.configure(picamera.create_video_configuration(main=main, controls={"FrameRate": fps}))
        picamera.start()
    except Exception as error:  # picamera2 and libcamera may raise any exception
        if picamera is not None:
            picamera.close()
        remedy = "run `edgetl cameras`; close the program that uses the camera; check the ribbon cable"
        raise CameraError(f"the camera can't be opened: {error}", where=source.shown, remedy=remedy) from error
    return CsiCamera(picamera, source.shown, size, fps)

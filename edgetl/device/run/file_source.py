"""The frames of a film or of photos, read ahead of the model."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from edgetl.card import InputSpec
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.protocol import Camera
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.vision.letterbox import reduction
from edgetl.vision.preprocess import averaged

_GRACE = 1.0
"""How long the end of a run waits for a read to return, s."""


class FileSource:
    """A file's frames, of which a thread reads, decodes and averages down a few ahead.

    Args:
        camera: opened; only the thread reads it until `close`.
        stop: ends the iteration.
        status: told of every frame.
        spec: the model's input.
        room: frames that may wait.
    """

    def __init__(self, camera: Camera, stop: Stop, status: Status, spec: InputSpec, room: int = 3) -> None:
        self._camera = camera
        self._stop = stop
        self._status = status
        self._spec = spec
        self._room = room
        self._frames: deque[Frame] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        while not self._stop.is_set():
            with self._changed:
                while not self._frames and not self._ended and not self._stop.is_set():
                    self._changed.wait(0.1)  # a signal wakes nobody up: look at `stop` now and then
                if not self._frames:
                    break
                frame = self._frames.popleft()
                self._changed.notify_all()
            self._status.frame_arrived(frame.captured_at)
            yield frame
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            for whole in self._camera:
                frame = _averaged(whole, self._spec)
                with self._changed:
                    self._changed.wait_for(lambda: len(self._frames) < self._room or self._ended)
                    if self._ended:
                        return
                    self._frames.append(frame)
                    self._changed.notify_all()
        except BaseException as error:  # the loop raises it again
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def close(self) -> None:
        """Ends the thread, which may be waiting for a network's answer."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(_GRACE)


def _averaged(frame: Frame, spec: InputSpec) -> Frame:
    """Does the first step of a frame's preprocessing, the longest for a large one, while the model looks at another."""
    height, width = frame.image.shape[:2]
    factor = reduction(height, width, spec)
    if factor == 1 or frame.size_wh is not None:
        return frame
    return replace(frame, image=averaged(frame.image, factor), size_wh=(width, height), full=frame.image)

"""Reads the frames of a film or of photos in a thread, a few ahead of the model."""

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
"""Time that the end of a run waits for a read to return, s."""


class FileSource:
    """Iterates over the frames of a film or of photos, which a thread reads, decodes and averages down in advance.

    Lock rule: the condition `_changed` guards the queue, `_ended` and `_error`; both threads wait on it. The camera
    belongs to the reading thread until `close`.

    Args:
        camera: the opened source.
        stop: the run's stop, which ends the iteration.
        status: the run's status, which records each frame.
        spec: the model's input, which decides how far frames are averaged down.
        room: number of frames that may wait for the model.
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
                    self._changed.wait(0.1)  # a signal does not wake this thread: check `stop` now and then
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
            for full in self._camera:
                frame = _averaged(full, self._spec)
                with self._changed:
                    self._changed.wait_for(lambda: len(self._frames) < self._room or self._ended)
                    if self._ended:
                        return
                    self._frames.append(frame)
                    self._changed.notify_all()
        except BaseException as error:  # the iteration raises it again
            with self._changed:
                self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def close(self) -> None:
        """Ends the thread; a thread that still waits for a network file system is left behind."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(_GRACE)


def _averaged(frame: Frame, spec: InputSpec) -> Frame:
    """Averages a large frame down, the slowest step of its preprocessing, while the model processes another frame."""
    height, width = frame.image.shape[:2]
    factor = reduction(height, width, spec)
    if factor == 1 or frame.size_wh is not None:
        return frame
    return replace(frame, image=averaged(frame.image, factor), size_wh=(width, height), full=frame.image)

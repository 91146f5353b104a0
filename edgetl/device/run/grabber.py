"""Reads a live camera in a thread of its own, so that a slow model or a driver that hangs never delays the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from edgetl.device.camera.protocol import Camera
from edgetl.device.camera.shot import Grabbed
from edgetl.device.run.slot import Slot


class Grabber:
    """Opens a live camera once, and reads it in a daemon thread until it ends, fails or is abandoned.

    Lock rule: the slot's condition `changed` guards `frame_at`, `ended` and the flag that the grabber is abandoned.
    `error` is set before `ended`, and is read after it. The camera belongs to the thread, which also closes it.

    Args:
        slot: the slot that takes the pictures.
        open_camera: the function that opens the camera, or returns one that is open; called in the thread.

    Attributes:
        started_at: the time when the thread was started by `time.monotonic`, s.
        frame_at: the time when the last frame came by `time.monotonic`, s; None before the first.
        ended: whether no more frames will come.
        error: the error that ended the reading; None if the camera ended by itself.
    """

    def __init__(self, slot: Slot, open_camera: Callable[[], Camera]) -> None:
        self.started_at = monotonic()
        self.frame_at: float | None = None
        self.ended = False
        self.error: BaseException | None = None
        self._slot = slot
        self._open = open_camera
        self._abandoned = False
        self._first_index = slot.next_index
        self._thread = threading.Thread(target=self._run, name="grabber", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        camera: Camera | None = None
        try:
            camera = self._open()
            self._read(camera)
        except BaseException as error:  # the source raises it again, or reports it
            self.error = error
        finally:
            if camera is not None:
                with suppress(Exception):
                    camera.close()
            with self._slot.changed:
                self.ended = True
                self._slot.changed.notify_all()

    def _read(self, camera: Camera) -> None:
        for shot in camera.shots():
            if self._first_index:
                shot = replace(shot, index=shot.index + self._first_index)
            arrived_at = monotonic()
            if isinstance(shot, Grabbed) and self._slot.needs_picture(arrived_at):
                frame = shot.decode()
                if frame is None:
                    continue  # the camera ends next, with the reason
                shot = frame
            with self._slot.changed:
                if self._abandoned:
                    return
                self.frame_at = arrived_at
                self._slot.put(shot, arrived_at)

    def abandon(self) -> None:
        """Drops all further frames; the thread closes the camera as soon as its read returns, if ever."""
        with self._slot.changed:
            self._abandoned = True

    @property
    def alive(self) -> bool:
        """Whether the thread is still running."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Waits for the thread of an abandoned grabber.

        Args:
            seconds: the longest wait, s.
        """
        self._thread.join(seconds)

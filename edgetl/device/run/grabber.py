"""Reads a camera in a thread of its own: the newest frame of a live one, a few frames ahead of a file's reader."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from edgetl.device.camera.protocol import Camera
from edgetl.device.camera.shot import Grabbed
from edgetl.device.run.slot import Slot

_GRACE = 1.0
"""How long the end of a run waits for a read to return, s."""


class Grabber:
    """One opening of a live camera, read by a daemon thread until it ends, fails or is abandoned.

    Args:
        slot: takes its frames.
        open_it: opens the camera, or gives one that is open; called in the thread, which closes it, too.

    Attributes:
        started_at: in seconds of `time.monotonic`.
        frame_at: when its last frame came; None before the first.
        ended: whether there is nothing more to come.
        error: why it ended; None where it ended well.
    """

    def __init__(self, slot: Slot, open_it: Callable[[], Camera]) -> None:
        self.started_at = monotonic()
        self.frame_at: float | None = None
        self.ended = False
        self.error: BaseException | None = None
        self._slot = slot
        self._open = open_it
        self._abandoned = False
        self._first_index = slot.next_index
        self._thread = threading.Thread(target=self._run, name="grabber", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        camera: Camera | None = None
        try:
            camera = self._open()
            self._read(camera)
        except BaseException as error:  # the loop raises it again, or tells it
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
            came_at = monotonic()
            if isinstance(shot, Grabbed) and self._slot.wants(came_at):
                frame = shot.decode()
                if frame is None:
                    continue  # its camera ends, and says why
                shot = frame
            with self._slot.changed:
                if self._abandoned:
                    return
                self.frame_at = came_at
                self._slot.put(shot, came_at)

    def abandon(self) -> None:
        """Takes no more frames of it; its thread closes the camera as soon as a read returns, if ever."""
        with self._slot.changed:
            self._abandoned = True

    @property
    def alive(self) -> bool:
        """Whether its thread has not come back yet."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Gives its thread some time to come back, once it is abandoned."""
        self._thread.join(seconds)

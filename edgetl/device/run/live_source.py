"""Yields the newest frame of a live camera, and opens the camera again when it is lost, until it is given up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import monotonic, sleep

from edgetl.device.camera.frame import Frame
from edgetl.device.camera.protocol import Camera
from edgetl.device.camera.shot import Jpeg, StoredShot, decode_shot
from edgetl.device.events import Event
from edgetl.device.run.camera_loss import CameraTimeouts, FrozenPictureCheck, LossReason
from edgetl.device.run.grabber import Grabber
from edgetl.device.run.slot import Slot
from edgetl.device.status import Status
from edgetl.device.stop import Stop, Stopped, unless_stopped
from edgetl.errors import CameraError, EdgetlError

logger = logging.getLogger(__name__)

_MOST_HANGING = 3
"""Number of threads that may hang in a driver at the same time. While so many do, the camera is not opened again, so
that a dead camera never fills the memory with threads."""
_GRACE = 1.0
"""Time that the end of a run waits for reads to return, s. A thread that hangs in a driver is left behind."""
_REMEDY = "check the cable, the power and the network, then start again"


def wait_for_camera(open_camera: Callable[[], Camera], timeouts: CameraTimeouts, stop: Stop) -> Camera:
    """Opens a camera that may not be there yet; tries again until it is.

    Args:
        open_camera: the function that opens the camera.
        timeouts: the pauses between the attempts, and the time after which the camera is given up.
        stop: the run's stop.

    Raises:
        CameraError: the camera has not come in time.
        Stopped: the run was asked to end before.
    """
    began = monotonic()
    failures = 0
    while True:
        try:
            return unless_stopped(open_camera, stop)
        except CameraError as error:
            if monotonic() - began > timeouts.give_up:
                raise
            if not failures:
                logger.warning("%s: %s; waiting for it", error.where, error.what)
        until = monotonic() + timeouts.pause(failures)
        failures += 1
        while monotonic() < until:
            if stop.is_set():
                raise Stopped
            sleep(0.05)


class LiveSource:
    """Iterates over the newest frames of a live camera, so that no frame grows old in a queue.

    Args:
        camera: the opened camera; it is closed at the end.
        stop: the run's stop, which ends the iteration.
        status: the run's status, which records frames, losses and returns.
        reopen: the function that opens the camera again; None lets a loss end the run.
        timeouts: the times after which the camera counts as lost, is opened again, or is given up.
        rate: number of frames a second at most; None sets no limit.
    """

    def __init__(
        self,
        camera: Camera,
        stop: Stop,
        status: Status,
        *,
        reopen: Callable[[], Camera] | None = None,
        timeouts: CameraTimeouts | None = None,
        rate: float | None = None,
    ) -> None:
        self._stop = stop
        self._status = status
        self._reopen = reopen
        self._timeouts = timeouts or CameraTimeouts()
        self._period = 1 / rate if rate else 0.0
        self._frozen_check = FrozenPictureCheck(self._timeouts.frozen if reopen else 0.0)
        self._slot = Slot(status, self._frozen_check)
        self._grabber: Grabber | None = Grabber(self._slot, lambda: camera)
        self._abandoned: list[Grabber] = []
        self._lost_at: float | None = None
        self._lost_because = ""
        self._attempts = 0
        self._next_attempt = 0.0

    def __iter__(self) -> Iterator[Frame | Event]:
        """Yields the frames as they come, the events of the camera, and the events that sinks have posted."""
        while not self._stop.is_set():
            frame = self._take()
            yield from self._status.take_events()
            if frame is not None:
                if self._lost_at is not None:
                    yield self._camera_back(frame, self._lost_at)
                yield frame
                if not self._frozen_check.is_frozen():
                    continue
            if self._lost_at is not None:
                self._try_to_reopen(self._lost_at)
            elif (loss := self._loss()) is not None:
                if self._reopen is None:
                    return self._raise_unless_ended(*loss)
                yield self._camera_lost(*loss)

    def _take(self) -> Frame | None:
        """Waits a moment for a frame. The moment is short because a signal does not wake this thread."""
        with self._slot.changed:
            early = self._slot.due - monotonic()
            if early > 0 and self._slot.undecodable_since is None:
                self._slot.changed.wait(min(early, 0.1))
                return None
            shot = self._slot.take()
            if shot is None:
                if self._grabber is None or not self._grabber.ended:
                    self._slot.changed.wait(0.1)
                shot = self._slot.take()
        frame = self._decode(shot)
        if self._period and frame is not None:
            now = monotonic()
            if now < self._slot.due:  # it was decoded only to check the JPEGs
                return None
            on_time = now - self._slot.due < self._period
            self._slot.due = (self._slot.due if on_time else now) + self._period
        return frame

    def _decode(self, shot: StoredShot | None) -> Frame | None:
        """Decodes a picture, and records whether that was possible."""
        if shot is None:
            return None
        frame = decode_shot(shot)
        if isinstance(shot, Jpeg):
            with self._slot.changed:
                if frame is None:
                    self._slot.picture_broken(shot.captured_at)
                else:
                    self._slot.picture_decoded(shot.captured_at)
        return frame

    def _loss(self) -> tuple[LossReason, str] | None:
        """Returns why the camera counts as lost; None if it does not.

        Raises:
            CameraError: the camera is lost and can't be opened again, or has never delivered a picture.
        """
        grabber, timeouts = self._grabber, self._timeouts
        assert grabber is not None  # the camera is not lost yet
        silent = monotonic() - (grabber.frame_at or grabber.started_at)
        if grabber.ended:
            if grabber.error is None:
                return "ended", "its stream has ended"
            if self._reopen is None or grabber.frame_at is None or not isinstance(grabber.error, EdgetlError):
                raise grabber.error
            return "error", grabber.error.what
        if silent > timeouts.stall + self._period:
            return "stall", f"no frame has come for {silent:.1f} s"
        undecodable = monotonic() - (self._slot.undecodable_since or monotonic())
        if undecodable > timeouts.stall:
            return "undecodable", f"none of its pictures could be decoded for {undecodable:.1f} s"
        if self._frozen_check.is_frozen():
            return "frozen", "its picture has not changed in a single bit"
        return None

    def _raise_unless_ended(self, reason: LossReason, detail: str) -> None:
        """Ends the run with a camera that can't be opened again.

        Raises:
            CameraError: the camera did not end by itself.
        """
        if reason != "ended":
            raise CameraError(f"the camera is lost: {detail}", remedy=_REMEDY)

    def _camera_lost(self, reason: LossReason, detail: str) -> Event:
        now = monotonic()
        grabber = self._grabber
        last = (grabber and grabber.frame_at) or now
        self._lost_at, self._lost_because, self._attempts = last, detail, 0
        self._next_attempt = now + self._timeouts.first_pause
        self._abandon_grabber()
        self._status.camera_lost()
        self._frozen_check.restart()
        facts = {"reason": reason, "detail": detail, "seconds": round(now - last, 3)}
        return Event("camera_lost", now, f"camera lost: {detail}; opening it again", facts=facts)

    def _camera_back(self, frame: Frame, lost_at: float) -> Event:
        self._lost_at = None
        self._status.camera_back()
        seconds = frame.captured_at - lost_at
        text = f"camera back after {seconds:.1f} s"
        facts = {"seconds": round(seconds, 3), "tries": self._attempts - 1}
        return Event("camera_back", frame.captured_at, text, frame.index, facts)

    def _try_to_reopen(self, lost_at: float) -> None:
        """Continues the present attempt to open the camera, or begins the next one when it is time.

        Raises:
            CameraError: the camera has been lost for too long.
        """
        now = monotonic()
        if now - lost_at > self._timeouts.give_up:
            what = f"the camera is lost and hasn't come back for {now - lost_at:.0f} s: {self._lost_because}"
            raise CameraError(what, where=self._failed_address(), remedy=_REMEDY)
        grabber = self._grabber
        if grabber is not None and (grabber.ended or now - grabber.started_at > self._timeouts.opening):
            self._abandon_grabber()
            self._next_attempt = now + self._timeouts.pause(self._attempts)
        self._abandoned = [left for left in self._abandoned if left.alive]
        if self._grabber is None and now >= self._next_attempt and len(self._abandoned) < _MOST_HANGING:
            assert self._reopen is not None  # otherwise the loss has ended the run
            self._attempts += 1
            self._grabber = Grabber(self._slot, self._reopen)

    def _failed_address(self) -> str:
        """Returns the address or device that the last attempt failed at; empty if none has failed."""
        errors = [grabber.error for grabber in (*self._abandoned, self._grabber) if grabber and grabber.error]
        return f"{errors[-1].where}" if errors and isinstance(errors[-1], EdgetlError) else ""

    def _abandon_grabber(self) -> None:
        if self._grabber is not None:
            self._grabber.abandon()
            self._abandoned.append(self._grabber)
            self._grabber = None
            with self._slot.changed:
                self._slot.clear()  # an old picture must not pass for one of the next opening

    def close(self) -> None:
        """Ends the threads; a thread that hangs in a driver is left behind, with its camera."""
        self._abandon_grabber()
        until = monotonic() + _GRACE
        for grabber in self._abandoned:
            grabber.join(max(0.0, until - monotonic()))

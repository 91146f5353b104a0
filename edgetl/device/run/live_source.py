"""The newest frame of a live camera, and what becomes of the camera: lost, back, given up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import monotonic, sleep

from edgetl.device.camera.frame import Frame
from edgetl.device.camera.protocol import Camera
from edgetl.device.camera.shot import Jpeg, StoredShot, decode_shot
from edgetl.device.events import Event
from edgetl.device.run.camera_loss import Patience, Reason, Stillness
from edgetl.device.run.grabber import Grabber
from edgetl.device.run.lens import LensWatch
from edgetl.device.run.slot import Slot
from edgetl.device.status import Status
from edgetl.device.stop import Stop, Stopped, unless_stopped
from edgetl.errors import CameraError, EdgetlError

logger = logging.getLogger(__name__)

_STUCK = 3
"""Threads that may hang in a driver at once; while so many do, the camera isn't opened once more."""
_GRACE = 1.0
"""How long the end of a run waits for reads to return, s. A thread that hangs in a driver is left behind."""
_REMEDY = "check the cable, the power and the network, then start again"


def wait_for_camera(open_it: Callable[[], Camera], patience: Patience, stop: Stop) -> Camera:
    """Opens a camera that may not be there yet; tries until it is.

    Raises:
        CameraError: it has not come in time.
        Stopped: the run is asked to end before.
    """
    began = monotonic()
    tries = 0
    while True:
        try:
            return unless_stopped(open_it, stop)
        except CameraError as error:
            if monotonic() - began > patience.give_up:
                raise
            if not tries:
                logger.warning("%s: %s; waiting for it", error.where, error.what)
        until = monotonic() + patience.pause(tries)
        tries += 1
        while monotonic() < until:
            if stop.is_set():
                raise Stopped
            sleep(0.05)


class LiveSource:
    """Reads a live camera so that no frame grows old in a queue, and opens it again when it is lost.

    Args:
        camera: opened; it is closed at the end.
        stop: ends the iteration.
        status: told how it goes.
        reopen: opens the camera again; None lets a loss end the run.
        patience: with it.
        rate: frames a second at most; None sets no limit.
    """

    def __init__(
        self,
        camera: Camera,
        stop: Stop,
        status: Status,
        *,
        reopen: Callable[[], Camera] | None = None,
        patience: Patience | None = None,
        rate: float | None = None,
    ) -> None:
        self._stop = stop
        self._status = status
        self._reopen = reopen
        self._patience = patience or Patience()
        self._period = 1 / rate if rate else 0.0
        self._stillness = Stillness(self._patience.frozen if reopen else 0.0)
        self._lens = LensWatch(self._patience.covered)
        self._slot = Slot(status, self._stillness)
        self._grabber: Grabber | None = Grabber(self._slot, lambda: camera)
        self._left: list[Grabber] = []
        self._lost_at: float | None = None
        self._why_lost = ""
        self._tries = 0
        self._next_try = 0.0

    def __iter__(self) -> Iterator[Frame | Event]:
        """Yields frames as they come, events of the camera, and those that sinks have posted meanwhile."""
        while not self._stop.is_set():
            frame = self._take()
            yield from self._status.take_events()
            if frame is not None:
                if self._lost_at is not None:
                    yield self._back(frame, self._lost_at)
                yield frame
                yield from self._lens(frame)
                if not self._stillness.frozen():
                    continue
            if self._lost_at is not None:
                self._try_again(self._lost_at)
            elif (trouble := self._trouble()) is not None:
                if self._reopen is None:
                    return self._end(*trouble)
                yield self._lose(*trouble)

    def _take(self) -> Frame | None:
        """Waits for a frame for a moment: a signal wakes nobody up, and somebody has to look at the clock."""
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
        frame = self._developed(shot)
        if self._period and frame is not None:
            now = monotonic()
            if now < self._slot.due:  # it was only examined
                return None
            on_time = now - self._slot.due < self._period
            self._slot.due = (self._slot.due if on_time else now) + self._period
        return frame

    def _developed(self, shot: StoredShot | None) -> Frame | None:
        """Decodes a picture, and notes whether that was possible."""
        if shot is None:
            return None
        frame = decode_shot(shot)
        if isinstance(shot, Jpeg):
            with self._slot.changed:
                self._slot.decoded(shot.captured_at) if frame else self._slot.broken(shot.captured_at)
        return frame

    def _trouble(self) -> tuple[Reason, str] | None:
        """Says why the camera counts as lost; None while it doesn't.

        Raises:
            CameraError: it is lost and can't be opened again, or has never given a picture.
        """
        grabber, patience = self._grabber, self._patience
        assert grabber is not None  # it isn't lost
        silent = monotonic() - (grabber.frame_at or grabber.started_at)
        if grabber.ended:
            if grabber.error is None:
                return "ended", "its stream has ended"
            if self._reopen is None or grabber.frame_at is None or not isinstance(grabber.error, EdgetlError):
                raise grabber.error
            return "error", grabber.error.what
        if silent > patience.stall + self._period:
            return "stall", f"no frame has come for {silent:.1f} s"
        undecodable = monotonic() - (self._slot.undecodable_since or monotonic())
        if undecodable > patience.stall:
            return "undecodable", f"none of its pictures could be decoded for {undecodable:.1f} s"
        if self._stillness.frozen():
            return "frozen", "its picture has not changed in a single bit"
        return None

    def _end(self, reason: Reason, detail: str) -> None:
        """Ends the run where the camera can't be opened again.

        Raises:
            CameraError: it didn't end by itself.
        """
        if reason != "ended":
            raise CameraError(f"the camera is lost: {detail}", remedy=_REMEDY)

    def _lose(self, reason: Reason, detail: str) -> Event:
        now = monotonic()
        grabber = self._grabber
        last = (grabber and grabber.frame_at) or now
        self._lost_at, self._why_lost, self._tries = last, detail, 0
        self._next_try = now + self._patience.first_pause
        self._leave()
        self._status.camera_lost()
        self._stillness.lost()
        facts = {"reason": reason, "detail": detail, "seconds": round(now - last, 3)}
        return Event("camera_lost", now, f"camera lost: {detail}; opening it again", facts=facts)

    def _back(self, frame: Frame, lost_at: float) -> Event:
        self._lost_at = None
        self._status.camera_back()
        seconds = frame.captured_at - lost_at
        text = f"camera back after {seconds:.1f} s"
        facts = {"seconds": round(seconds, 3), "tries": self._tries - 1}
        return Event("camera_back", frame.captured_at, text, frame.index, facts)

    def _try_again(self, lost_at: float) -> None:
        """Goes on with the opening under way, or begins the next one when it is time.

        Raises:
            CameraError: it has been lost for too long.
        """
        now = monotonic()
        if now - lost_at > self._patience.give_up:
            what = f"the camera is lost and hasn't come back for {now - lost_at:.0f} s: {self._why_lost}"
            raise CameraError(what, where=self._where(), remedy=_REMEDY)
        grabber = self._grabber
        if grabber is not None and (grabber.ended or now - grabber.started_at > self._patience.opening):
            self._leave()
            self._next_try = now + self._patience.pause(self._tries)
        self._left = [left for left in self._left if left.alive]
        if self._grabber is None and now >= self._next_try and len(self._left) < _STUCK:
            assert self._reopen is not None  # else a loss has ended the run
            self._tries += 1
            self._grabber = Grabber(self._slot, self._reopen)

    def _where(self) -> str:
        """Returns the address or device that the last opening failed at; empty if none has failed."""
        errors = [grabber.error for grabber in (*self._left, self._grabber) if grabber and grabber.error]
        return f"{errors[-1].where}" if errors and isinstance(errors[-1], EdgetlError) else ""

    def _leave(self) -> None:
        if self._grabber is not None:
            self._grabber.abandon()
            self._left.append(self._grabber)
            self._grabber = None
            with self._slot.changed:
                self._slot.begin()  # none of its frames may pass for one of the next opening

    def close(self) -> None:
        """Ends the threads; one that hangs in a driver is left behind, with its camera."""
        self._leave()
        until = monotonic() + _GRACE
        for grabber in self._left:
            grabber.join(max(0.0, until - monotonic()))

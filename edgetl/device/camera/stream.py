"""A stream from the network, none of whose pictures waits in a buffer unnoticed."""

from __future__ import annotations

import logging
import re
from time import thread_time

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.capture import Capture, open_capture
from edgetl.errors import CameraError

logger = logging.getLogger(__name__)

_OPENING_MS = 10_000
_SECRET = re.compile(r"((?:pas|psw|pw|key|secret|token|auth)[^=&/?]*=)[^&]*", re.IGNORECASE)

_WINDOW = 1.0
"""How long a reader is watched before it counts as busy or as waiting, s."""
_BUSY = 0.5
"""Share of its time that a reader works at least while pictures wait for it; the model's threads take the rest."""
_DRIFT = 2e-4
"""How far a camera's clock may fall behind ours, s a second: a cheap quartz is wrong by a twentieth of that."""
_TOO_FAR = 2.0
"""How far behind a stream its reader may fall, s."""


def open_stream(address: str, spec: InputSpec | None = None, timeout: float = 10.0) -> Capture:
    """Opens an rtsp:// or http:// address; one with a known length is a film, any other a live camera.

    Args:
        address: it may hold a user and a password.
        spec: see `edgetl.device.camera.open_camera`.
        timeout: for the next picture, s.

    Raises:
        CameraError: nothing answers there within ten seconds, or no pictures come.
    """
    stream = Stream(address, spec, timeout)
    if stream.live:
        return stream
    stream.close()
    return Capture(_open(address, timeout, None), without_password(address), live=False, spec=spec)


class Stream(Capture):
    """A live camera in the network; see `edgetl.device.camera.Camera`.

    One thread decodes it: with more, each holds a picture back, which on four cores makes every result three frames
    older without a trace. Where one is too slow for the stream, all of them take over.

    Args:
        address: it may hold a user and a password.
        spec: the model's input; None gives every pixel.
        timeout: for the next picture, s.

    Raises:
        CameraError: nothing answers there within ten seconds, or no pictures come.
    """

    def __init__(self, address: str, spec: InputSpec | None, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._lag = Lag()
        self._alone = True
        capture = _open(address, timeout, 1)
        live = capture.get(cv2.CAP_PROP_FRAME_COUNT) <= 0
        super().__init__(capture, without_password(address), live=live, spec=spec)

    def _grab(self) -> float | None:
        if self._lag.behind > _TOO_FAR and self._lag.busy:
            self._catch_up()
        came_at = super()._grab()
        if came_at is None or self._undecode is not None:  # JPEGs are decoded elsewhere, and have no clock
            return came_at
        position = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return came_at - self._lag.see(came_at, position, thread_time() if self._alone else None)

    def _catch_up(self) -> None:
        """Leaves the pictures that wait.

        Raises:
            CameraError: all threads are too slow for it.
        """
        behind = f"{self._lag.behind:.1f} s behind"
        if not self._alone:
            what = f"the stream comes faster than this machine decodes it, which is {behind}"
            remedy = "choose a smaller picture, or fewer frames a second, in the camera's own settings"
            raise CameraError(what, where=self._source, remedy=remedy)
        logger.warning("%s: one thread decodes it too slowly, and is %s; opening it with all", self._source, behind)
        self._capture.release()
        self._capture, self._lag, self._alone = _open(self._address, self._timeout, None), Lag(), False


class Lag:
    """How far the reader of a stream is behind it, by the stream's own clock.

    That clock shows any time; but a picture for which the reader has waited is as new as the network gives it.

    Attributes:
        behind: of the last picture: how long it has waited in this machine's buffers, s.
        busy: whether the reader hardly waited of late. Else no picture waits either, whatever the clock says.
    """

    def __init__(self) -> None:
        self.behind = 0.0
        self.busy = False
        self._least: float | None = None
        self._last = self._seen_at = self._since = self._worked = 0.0

    def see(self, at: float, position: float, worked: float | None) -> float:
        """Notes a picture; returns how far it is behind, s.

        Args:
            at: when it was decoded, in seconds of `time.monotonic`.
            position: in the stream, by its own clock, s.
            worked: a processor's time that the reader has taken so far, s; None where other threads decode, and the
                clock alone decides.
        """
        offset = at - position
        if self._least is None or position <= self._last:  # the first, or the stream's clock has begun anew
            self._least, self._since, self._worked, self.busy = offset, at, worked or 0.0, worked is None
        elif at - self._since >= _WINDOW and worked is not None:
            self.busy = worked - self._worked > _BUSY * (at - self._since)
            self._since, self._worked = at, worked
            if not self.busy:
                self._least = offset
        else:
            self._least += _DRIFT * (at - self._seen_at)
        self._least = min(self._least, offset)
        self._last, self._seen_at = position, at
        self.behind = offset - self._least
        return self.behind


def _open(address: str, timeout: float, threads: int | None) -> cv2.VideoCapture:
    reading_ms = max(1, int(timeout * 1000))
    asked = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPENING_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading_ms]
    if threads:
        asked += [cv2.CAP_PROP_N_THREADS, threads]
    capture = open_capture(address, cv2.CAP_FFMPEG, asked)
    if capture is None:
        remedy = "check the address, its password, and that the camera is switched on"
        raise CameraError("no pictures come from this address", where=without_password(address), remedy=remedy)
    return capture


def without_password(address: str) -> str:
    """The address as it may appear in a log."""
    scheme, _, rest = address.partition("://")
    # A password may hold a slash, and some cameras take theirs in the path or the query.
    return f"{scheme}://" + _SECRET.sub(r"\1…", rest.rpartition("@")[2])

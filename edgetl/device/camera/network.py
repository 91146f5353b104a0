"""A stream from the network, none of whose pictures waits in a buffer unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, thread_time

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.address import with_password, without_password
from edgetl.device.camera.ffmpeg_memory import STREAM_BYTES, bound_memory
from edgetl.device.camera.opencv_capture import Capture, open_capture
from edgetl.device.camera.shot import Shot
from edgetl.errors import CameraError

_OPENING_MS = 10_000
_SCHEDULED = Path("/proc/thread-self/schedstat")
"""ns that a thread has run, and that it was ready to and had to wait; a count."""

_WINDOW = 1.0
"""How long a reader is watched before it counts as busy or as waiting, s."""
_IDLE = 0.2
"""Share of its time that a reader waits at least, where no picture waits for it."""
_PAUSE = 0.5
"""A longer one between two pictures than this, s, and than usual, is the network's: no decoder makes it."""
_DRIFT = 2e-4
"""How far a camera's clock may fall behind ours, s a second: a cheap quartz is wrong by a quarter of that."""
_TOO_FAR = 2.0
"""How far behind a stream its reader may be for a whole window, s."""
_STANDING = 3
"""Windows in which a reader may be busy with a stream whose clock stands still."""

_slow: set[str] = set()
"""Addresses of streams that one thread was too slow for."""


def open_stream(
    address: str, spec: InputSpec | None = None, timeout: float = 10.0, password: str | None = None
) -> Capture:
    """Opens an rtsp:// or http:// address; one with a known length is a film, any other a live camera.

    Args:
        address: it may hold a user and a password.
        spec: see `edgetl.device.camera.open_camera`.
        timeout: for the next picture, s.
        password: of the user whom the address names; None leaves what it says.

    Raises:
        CameraError: nothing answers there within ten seconds, or no pictures come.
    """
    address = with_password(address, password)
    alone = address not in _slow
    capture = _open(address, timeout, 1 if alone else None)
    if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return Capture(capture, without_password(address), live=False, spec=spec)
    return Stream(capture, address, spec, alone=alone)


class Stream(Capture):
    """A live camera in the network; see `edgetl.device.camera.Camera`.

    One thread decodes it: with more, each holds a picture back, which on four cores makes every result three frames
    older without a trace. Where one is too slow for the stream, all take over when it is opened again.

    Args:
        capture: opened.
        address: it may hold a user and a password.
        spec: the model's input; None gives every pixel.
        alone: whether one thread decodes.
    """

    def __init__(self, capture: cv2.VideoCapture, address: str, spec: InputSpec | None, *, alone: bool) -> None:
        super().__init__(capture, without_password(address), live=True, spec=spec)
        self._address = address
        self._alone = alone
        self._lag = Lag()

    def shots(self) -> Iterator[Shot]:
        """See `Capture`; ends where pictures wait for the decoder for too long, however quickly they are taken."""
        for shot in super().shots():
            yield shot
            if self._lag.too_far:
                raise self._too_slow()

    def _grab(self) -> float | None:
        if self._undecode is not None:  # JPEGs are decoded elsewhere, and have no clock
            return super()._grab()
        begun, worked = monotonic(), _worked()
        came_at = super()._grab()
        if came_at is None:
            return None
        waited = came_at - begun - (_worked() - worked) if self._alone else None
        return came_at - self._lag.see(came_at, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, waited)

    def _too_slow(self) -> CameraError:
        remedy = "choose a smaller picture, or fewer frames a second, in the camera's own settings"
        whom = "one thread decodes it" if self._alone else "this machine decodes it"
        if self._alone:
            _slow.add(self._address)
        behind = f", which is {self._lag.behind:.1f} s behind" if self._lag.behind > _TOO_FAR else ""
        return CameraError(f"the stream comes faster than {whom}{behind}", where=self._source, remedy=remedy)


class Lag:
    """How far the reader of a stream is behind it, by the stream's own clock.

    That clock shows any time; but a picture for which the reader has waited is as new as the network gives it.

    Attributes:
        behind: of the last picture: how long it has waited in this machine's buffers, s.
        too_far: whether the reader won't catch up.
    """

    def __init__(self) -> None:
        self.behind = 0.0
        self.too_far = False
        self._seen_at = self._usual = self._position = self._least = 0.0
        self._standing = 0
        self._begin(0.0)

    def _begin(self, at: float) -> None:
        """Begins a window."""
        self._since, self._waited = at, 0.0
        self._smallest = float("inf")
        self._ticks = False

    def see(self, at: float, position: float, waited: float | None) -> float:
        """Notes a picture; returns how far it is behind, s.

        Args:
            at: when it was decoded, in seconds of `time.monotonic`.
            position: in the stream, by its own clock, s.
            waited: for how long the reader did nothing but wait for it, s; None where other threads decode, and the
                clock alone tells.
        """
        offset, ticks = at - position, position > self._position
        first = not self._seen_at
        step = 0.0 if first else at - self._seen_at
        if first:
            self._begin(at)
        if first or not ticks or step > max(_PAUSE, 4 * self._usual):
            self._least = offset
        else:
            self._least = min(self._least + _DRIFT * step, offset)
        self.behind = offset - self._least
        self._usual += (step - self._usual) / 16
        self._seen_at, self._position = at, position
        self._smallest, self._ticks = min(self._smallest, self.behind), self._ticks or ticks
        self._waited += waited or 0.0
        if at - self._since >= _WINDOW:
            self._judge(at, offset, known=waited is not None)
        return self.behind

    def _judge(self, at: float, offset: float, *, known: bool) -> None:
        """Ends a window."""
        busy = not known or self._waited < _IDLE * (at - self._since)
        if not busy:
            self._least, self.behind = offset, 0.0
        # Of a stream without a clock it can only be seen that its reader never waits.
        self._standing = self._standing + 1 if known and busy and not self._ticks else 0
        self.too_far = busy and (self._smallest > _TOO_FAR or self._standing >= _STANDING)
        self._begin(at)


def _worked() -> float:
    """For how long this thread has worked, or been ready to, s: waiting for a core is no waiting for pictures."""
    try:
        ready = int(_SCHEDULED.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # no Linux, or one that doesn't count
        ready = 0.0
    return thread_time() + ready


def _open(address: str, timeout: float, threads: int | None) -> cv2.VideoCapture:
    reading_ms = max(1, int(timeout * 1000))
    asked = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPENING_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading_ms]
    if threads:
        asked += [cv2.CAP_PROP_N_THREADS, threads]
    bound_memory(STREAM_BYTES)
    capture = open_capture(address, cv2.CAP_FFMPEG, asked)
    if capture is None:
        remedy = "check the address, its password, and that the camera is switched on"
        raise CameraError("no pictures come from this address", where=without_password(address), remedy=remedy)
    return capture

"""Network streams, rtsp:// or http://: reads one so that no picture grows old in a buffer unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, thread_time

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera import frame_age
from edgetl.device.camera.address import with_password
from edgetl.device.camera.ffmpeg_memory import STREAM_BYTES, bound_memory
from edgetl.device.camera.frame_age import StreamLag
from edgetl.device.camera.opencv_capture import Capture, open_capture
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.camera.shot import Shot
from edgetl.device.camera.source import Source
from edgetl.errors import CameraError

_OPENING_MS = 10_000
"""A camera must answer within this time, ms; a slow one needs some seconds until its next key frame."""
_SCHEDULED = Path("/proc/thread-self/schedstat")
"""Linux's record of a thread: ns that it ran, ns that it was ready and had to wait, and a count."""


@dataclass(slots=True)
class DecoderThreads:
    """Whether one thread decodes a camera's stream fast enough, shared by all openings of that camera.

    Lock rule: the thread that reads the stream sets it once, to False, and the next opening reads it; a change of one
    attribute needs no lock.

    Attributes:
        one_is_enough: whether one thread has kept up so far.
    """

    one_is_enough: bool = True


def open_stream(
    source: Source, spec: InputSpec | None, request: CameraRequest, threads: DecoderThreads | None = None
) -> Capture:
    """Opens an rtsp:// or http:// address: a film if it has a known length, else a live camera.

    Args:
        source: the address, which may hold a user and a password.
        spec: the model's input; see `edgetl.device.camera.open_camera`.
        request: its timeout and password are used.
        threads: the decoder threads of this camera's openings; None starts with one thread.

    Raises:
        CameraError: nothing answers there within ten seconds, or no pictures come.
    """
    threads = threads or DecoderThreads()
    capture = _open(source, request, 1 if threads.one_is_enough else None)
    if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return Capture(capture, source.shown, live=False, spec=spec)
    return Stream(capture, source.shown, spec, threads)


class Stream(Capture):
    """A live camera in the network; see `edgetl.device.camera.Camera`.

    One thread decodes the stream. If several do, each holds a picture back, which on four cores makes every result
    three frames older without a trace. If one thread is too slow, all take over when the stream is opened again.

    Args:
        capture: the opened capture.
        shown: the address for messages, without password.
        spec: the model's input; None decodes every pixel.
        threads: the decoder threads of this camera's openings, with which `capture` was opened.
    """

    def __init__(self, capture: cv2.VideoCapture, shown: str, spec: InputSpec | None, threads: DecoderThreads) -> None:
        super().__init__(capture, shown, live=True, spec=spec)
        self._threads = threads
        self._one_thread = threads.one_is_enough
        self._lag = StreamLag()

    def shots(self) -> Iterator[Shot]:
        """Yields what `Capture.shots` does; ends with an error when pictures wait for the decoder for too long.

        Raises:
            CameraError: the stream is lost, nothing can be read, or the decoder is too slow for it.
        """
        for shot in super().shots():
            yield shot
            if self._lag.too_far:
                raise self._too_slow()

    def _grab(self) -> float | None:
        if self._undecode is not None:  # JPEGs are decoded elsewhere, and have no clock
            return super()._grab()
        begun, worked = monotonic(), _time_worked()
        came_at = super()._grab()
        if came_at is None:
            return None
        waited = came_at - begun - (_time_worked() - worked) if self._one_thread else None
        return came_at - self._lag.see(came_at, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, waited)

    def _too_slow(self) -> CameraError:
        remedy = "choose a smaller picture, or fewer frames a second, in the camera's own settings"
        decoder = "one thread decodes it" if self._one_thread else "this machine decodes it"
        self._threads.one_is_enough = False
        behind = self._lag.behind
        detail = f", which is {behind:.1f} s behind" if behind > frame_age.TOO_FAR else ""
        return CameraError(f"the stream comes faster than {decoder}{detail}", where=self._source, remedy=remedy)


def _time_worked() -> float:
    """Returns for how long this thread has worked or been ready to, s: a wait for a core is no wait for a picture."""
    try:
        ready = int(_SCHEDULED.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # another system than Linux, or one that keeps no record
        ready = 0.0
    return thread_time() + ready


def _open(source: Source, request: CameraRequest, threads: int | None) -> cv2.VideoCapture:
    reading_ms = max(1, int(request.timeout * 1000))
    parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPENING_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading_ms]
    if threads:
        parameters += [cv2.CAP_PROP_N_THREADS, threads]
    bound_memory(STREAM_BYTES)
    capture = open_capture(with_password(source.text, request.password), cv2.CAP_FFMPEG, parameters)
    if capture is None:
        remedy = "check the address, its password, and that the camera is switched on"
        raise CameraError("no pictures come from this address", where=source.shown, remedy=remedy)
    return capture

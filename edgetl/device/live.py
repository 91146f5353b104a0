"""The loop from a camera through a model into sinks: every frame of a file, the newest frame of a live camera."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from time import monotonic

from edgetl.device.camera import Camera, Frame
from edgetl.device.latency import Percentiles, Recorder
from edgetl.device.model import Model
from edgetl.device.signals import Stop, stop_on_signals
from edgetl.device.sinks import RunEnded, Sink
from edgetl.errors import CameraError
from edgetl.vision.results import Result

STAGES = ("preprocess", "invoke", "decode", "total", "age")
"""What is measured of a frame; age is from its capture to its result."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to.

    Attributes:
        frames: looked at.
        dropped: frames of a live camera that a newer one overtook.
        seconds: from the start of the loop to its end.
        fps: results a second, over the intervals between the first and the last; 0 for fewer than two.
        stages: ms of each of `STAGES`, over the last 10,000 frames.
    """

    frames: int
    dropped: int
    seconds: float
    fps: float
    stages: dict[str, Percentiles] = field(default_factory=dict)

    def __str__(self) -> str:
        dropped = f", {self.dropped:,} dropped" if self.dropped else ""
        lines = [f"{self.frames:,} frames in {self.seconds:.1f} s, {self.fps:.1f} a second{dropped}"]
        if self.stages:
            lines.append(f"{'ms':>12}{'p50':>9}{'p95':>9}")
        lines += [f"{name:>12}{stage.p50:9.2f}{stage.p95:9.2f}" for name, stage in self.stages.items()]
        return "\n".join(lines)


def run(
    model: Model,
    camera: Camera,
    sinks: Sequence[Sink] = (),
    *,
    max_frames: int | None = None,
    on_result: Callable[[Frame, Result], None] | None = None,
    stop: Stop | None = None,
) -> Summary:
    """Looks at a camera's frames until it ends, a sink or a signal ends the run, or `max_frames` are done.

    Args:
        model: opened; what is wanted of it, its `only`, may change as it goes.
        camera: opened; it stays so.
        sinks: opened; each gets every frame with its result.
        max_frames: to look at; None sets no limit.
        on_result: called before the sinks.
        stop: of an enclosing `stop_on_signals`; None handles SIGINT and SIGTERM here.

    Raises:
        CameraError: the camera is lost.
        EdgetlError: a sink can't go on.
    """
    meter = _Meter(model)
    with nullcontext(stop) if stop else stop_on_signals() as asked, _frames(camera, asked) as (frames, newest):
        try:
            for frame in frames:
                result = model(frame.image, frame.size_wh)
                meter.add(frame)
                if on_result:
                    on_result(frame, result)
                for sink in sinks:
                    sink.write(frame, result)
                if asked.is_set() or meter.frames == max_frames:
                    break
        except RunEnded:
            pass
    return meter.summary(newest.dropped if newest else 0)


class _Meter:
    """Measures a run as it goes."""

    def __init__(self, model: Model) -> None:
        self._timings = model.timings
        self._recorder = Recorder(STAGES)
        self._start = self._first = self._last = monotonic()

    @property
    def frames(self) -> int:
        return self._recorder.count

    def add(self, frame: Frame) -> None:
        """Counts a frame whose result has just come."""
        self._last = monotonic()
        if not self.frames:
            self._first = self._last
        t = self._timings
        self._recorder.add(t.preprocess, t.invoke, t.decode, t.total, (self._last - frame.captured_at) * 1e3)

    def summary(self, dropped: int) -> Summary:
        span = self._last - self._first
        fps = (self.frames - 1) / span if span > 0 else 0.0
        return Summary(self.frames, dropped, monotonic() - self._start, fps, self._recorder.percentiles())


@contextmanager
def _frames(camera: Camera, stop: Stop) -> Iterator[tuple[Iterator[Frame], Newest | None]]:
    if not camera.live:
        yield _until(stop, camera), None
        return
    newest = Newest(camera, stop)
    try:
        yield iter(newest), newest
    finally:
        newest.close()


def _until(stop: Stop, camera: Camera) -> Iterator[Frame]:
    if not stop.is_set():
        yield from camera


class Newest:
    """The newest frame of a live camera, which a thread keeps reading so that none grows old in a queue.

    Args:
        camera: opened; only the thread reads it until `close`.
        stop: ends the iteration.

    Attributes:
        dropped: frames that a newer one overtook.
    """

    def __init__(self, camera: Camera, stop: Stop) -> None:
        self.dropped = 0
        self._camera = camera
        self._stop = stop
        self._slot: Frame | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._grab, name="grabber", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        """Waits for a frame newer than the last one; None at the end."""
        with self._changed:
            while self._slot is None and not self._ended and not self._stop.is_set():
                self._changed.wait(0.1)  # a signal wakes nobody up: look at `stop` now and then
            frame, self._slot = self._slot, None
        if frame is None and self._error:
            raise self._error
        return frame

    def _grab(self) -> None:
        try:
            for frame in self._camera:
                with self._changed:
                    if self._ended:
                        return
                    self.dropped += self._slot is not None
                    self._slot = frame
                    self._changed.notify()
        except BaseException as error:  # the loop raises it again
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def close(self) -> None:
        """Ends the thread; it notices with the next frame.

        Raises:
            CameraError: the camera's driver doesn't come back.
        """
        with self._changed:
            self._ended = True
        self._thread.join(timeout=15)
        if self._thread.is_alive():
            raise CameraError("the camera no longer answers", remedy="unplug it and plug it in again")

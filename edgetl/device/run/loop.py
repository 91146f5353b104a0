"""The loop from a source through a model into sinks: every frame of a file, the newest frame of a live camera."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from edgetl.device.camera.protocol import Camera
from edgetl.device.events import Event
from edgetl.device.inference.model import Model
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.camera_loss import CameraTimeouts
from edgetl.device.run.file_source import FileSource
from edgetl.device.run.live_source import LiveSource
from edgetl.device.run.model_pool import ModelPool
from edgetl.device.sinks import RunEnded, Sink
from edgetl.device.stages import Percentiles
from edgetl.device.status import STAGES, Status
from edgetl.device.stop import Stop, stop_on_signals

__all__ = ["STAGES", "Observer", "Summary", "run"]


class Observer(Protocol):
    """Follows the observations of a run: numbers objects, smooths labels, derives events."""

    def __call__(self, observation: Observation) -> tuple[Observation, list[Event]]:
        """Follows the next observation.

        Returns:
            The observation that the sinks get, and the events, in their order.
        """


@dataclass(frozen=True, slots=True)
class Summary:
    """The frames and times of a run.

    Attributes:
        frames: number of frames that the model has processed.
        dropped: number of frames of a live camera that were skipped because a newer one came.
        seconds: time from the start of the loop to its end, s.
        fps: number of results a second. With a live camera it covers the time from the first result to the last, with a
            file the whole time; it is 0 for fewer than two results.
        stages: percentiles of each of `STAGES` over the last 10,000 frames, ms.
    """

    frames: int
    dropped: int
    seconds: float
    fps: float
    stages: dict[str, Percentiles] = field(default_factory=dict)

    def __str__(self) -> str:
        dropped = f", {self.dropped:,} dropped" if self.dropped else ""
        rate = f", {self.fps:.1f} a second" if self.fps else ""
        frames = f"{self.frames:,} frame{'' if self.frames == 1 else 's'}"
        lines = [f"{frames} in {self.seconds:.1f} s{rate}{dropped}"]
        if self.stages:
            lines.append(f"{'ms':>12}{'p50':>9}{'p95':>9}")
        lines += [f"{name:>12}{stage.p50:9.2f}{stage.p95:9.2f}" for name, stage in self.stages.items()]
        return "\n".join(lines)


def run(
    model: Model | ModelPool,
    camera: Camera,
    sinks: Sequence[Sink] = (),
    *,
    selection: ResultSelection | None = None,
    max_frames: int | None = None,
    on_observation: Callable[[Observation], None] | None = None,
    stop: Stop | None = None,
    observer: Observer | None = None,
    drift: Callable[[Observation], Iterable[Event]] | None = None,
    status: Status | None = None,
    rate: float | None = None,
    reopen: Callable[[], Camera] | None = None,
    timeouts: CameraTimeouts | None = None,
) -> Summary:
    """Runs a model on a source's frames until these end, a sink or a signal ends the run, or `max_frames` are done.

    Args:
        model: an opened model, or a pool of them. A live camera's frames go through the pool's first model alone.
        camera: the opened source. A live camera is closed at the end; any other source stays open.
        sinks: the opened sinks; each gets every observation and every event.
        selection: the results to report, which may change meanwhile; None leaves each model as it was opened.
        max_frames: number of frames after which the run ends; None sets no limit.
        on_observation: a function that gets each observation, after the observer and before the sinks.
        stop: the stop of an enclosing `stop_on_signals`; None makes the loop handle signals itself.
        observer: the observer, which gets each observation first.
        drift: a function that gets each observation after the observer, and returns events of its own.
        status: the run's status, which others read meanwhile.
        rate: number of frames of a live camera a second at most; None sets no limit.
        reopen: the function that opens a live camera again when it is lost; None lets a loss end the run.
        timeouts: the times after which a live camera counts as lost, is opened again, or is given up.

    Raises:
        CameraError: the camera is lost, and has not come back in time.
        EdgetlError: a sink can't go on.
    """
    status = status or Status()
    pool = _pool(model, live=camera.live)
    meter = _Meter(status, live=camera.live)
    with nullcontext(stop) if stop else stop_on_signals() as ending:
        source: LiveSource | FileSource
        if camera.live:
            source = LiveSource(camera, ending, status, reopen=reopen, timeouts=timeouts, rate=rate)
        else:
            source = FileSource(camera, ending, status, pool.models[0].card.input)
        items = pool.run_models(source, selection)
        with suppress(RunEnded), closing(source), closing(items):
            for item in items:
                events = [item] if isinstance(item, Event) else []
                if isinstance(item, Observation):
                    meter.add(item)
                    if observer:
                        item, events = observer(item)
                    if on_observation:
                        on_observation(item)
                    _write(sinks, item)
                    events = [*events, *drift(item)] if drift else events
                _notify(sinks, [*events, *status.take_events()])
                if ending.is_set() or meter.frames == max_frames:
                    break
            _notify(sinks, status.take_events())
    return meter.summary()


def _pool(model: Model | ModelPool, *, live: bool) -> ModelPool:
    """Returns the models that process the frames: only one with a live camera, whose newest frame alone counts."""
    pool = model if isinstance(model, ModelPool) else ModelPool([model])
    return ModelPool(pool.models[:1], keeps_scores=pool.keeps_scores) if live else pool


def _write(sinks: Sequence[Sink], observation: Observation) -> None:
    for sink in sinks:
        sink.write(observation)


def _notify(sinks: Sequence[Sink], events: Sequence[Event]) -> None:
    for event in events:
        for sink in sinks:
            sink.notify(event)


class _Meter:
    """Measures a run while it goes on."""

    def __init__(self, status: Status, *, live: bool) -> None:
        self.frames = 0
        self._status = status
        self._live = live
        self._start = self._first = self._last = monotonic()

    def add(self, observation: Observation) -> None:
        """Counts an observation."""
        result_at = observation.frame.captured_at + observation.age_ms / 1e3
        self._last = max(self._last, result_at)
        if not self.frames:
            self._first = result_at
        self.frames += 1
        self._status.observed(observation)

    def summary(self) -> Summary:
        """Returns the summary of the run until now."""
        # The first frame of a camera may come late, so its time does not count; of a file several may come at once.
        count, since = (self.frames - 1, self._first) if self._live else (self.frames, self._start)
        fps = count / (self._last - since) if self._last > since and self.frames > 1 else 0.0
        dropped = self._status.figures().dropped
        return Summary(self.frames, dropped, monotonic() - self._start, fps, self._status.stages())

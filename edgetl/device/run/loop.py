"""The loop from a camera through a model into sinks: every frame of a file, the newest frame of a live camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from edgetl.device.camera.protocol import Camera
from edgetl.device.events import Event
from edgetl.device.inference.model import Model
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.camera_loss import Patience
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
    """What a run came to.

    Attributes:
        frames: looked at.
        dropped: frames of a live camera that a newer one overtook.
        seconds: from the start of the loop to its end.
        fps: results a second: of a live camera over the intervals between the first and the last, of a file over all
            its time; 0 for fewer than two.
        stages: ms of each of `STAGES`, over the last 10,000 frames.
    """

    frames: int
    dropped: int
    seconds: float
    fps: float
    stages: dict[str, Percentiles] = field(default_factory=dict)

    def __str__(self) -> str:
        dropped = f", {self.dropped:,} dropped" if self.dropped else ""
        frames = f"{self.frames:,} frame{'' if self.frames == 1 else 's'}"
        rate = f", {self.fps:.1f} a second" if self.fps else ""
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
    status: Status | None = None,
    rate: float | None = None,
    reopen: Callable[[], Camera] | None = None,
    patience: Patience | None = None,
) -> Summary:
    """Looks at a camera's frames until it ends, a sink or a signal ends the run, or `max_frames` are done.

    Args:
        model: an opened model, or a pool of them. A live camera's frames go through the pool's first model alone.
        camera: opened; a live one may be closed as the run ends, any other stays open.
        sinks: opened; each gets every frame with its result, and every event.
        selection: the results to report, which may change meanwhile; None leaves each model as it was opened.
        max_frames: to look at; None sets no limit.
        on_observation: called with each observation, after the observer and before the sinks.
        stop: of an enclosing `stop_on_signals`; None handles the signals here.
        observer: called after the model.
        status: told how the run goes, for others to read meanwhile.
        rate: frames a second at most that are looked at, of a live camera; None sets no limit.
        reopen: opens a live camera again when it is lost; None lets its loss end the run.
        patience: with a live camera.

    Raises:
        CameraError: the camera is lost, and hasn't come back in time.
        EdgetlError: a sink can't go on.
    """
    status = status or Status()
    pool = model if isinstance(model, ModelPool) else ModelPool([model])
    if camera.live:
        pool = ModelPool(pool.models[:1])
    meter = _Meter(status, live=camera.live)
    with nullcontext(stop) if stop else stop_on_signals() as asked:
        source: LiveSource | FileSource = (
            LiveSource(camera, asked, status, reopen=reopen, patience=patience, rate=rate)
            if camera.live
            else FileSource(camera, asked, status, pool.models[0].card.input)
        )
        observations = pool.run_models(source, selection)
        with suppress(RunEnded), closing(source), closing(observations):
            for item in observations:
                events = [item] if isinstance(item, Event) else []
                if isinstance(item, Observation):
                    meter.add(item)
                    if observer:
                        item, events = observer(item)
                    if on_observation:
                        on_observation(item)
                    _write(sinks, item)
                _tell(sinks, [*events, *status.take_events()])
                if asked.is_set() or meter.frames == max_frames:
                    break
            _tell(sinks, status.take_events())
    return meter.summary()


def _write(sinks: Sequence[Sink], observation: Observation) -> None:
    for sink in sinks:
        sink.write(observation)


def _tell(sinks: Sequence[Sink], events: Sequence[Event]) -> None:
    for event in events:
        for sink in sinks:
            sink.notify(event)


class _Meter:
    """Measures a run as it goes."""

    def __init__(self, status: Status, *, live: bool) -> None:
        self._status = status
        self._live = live
        self.frames = 0
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
        # A camera's first frame may be long in coming; and of a file several may come at once.
        count, since = (self.frames - 1, self._first) if self._live else (self.frames, self._start)
        fps = count / (self._last - since) if self._last > since and self.frames > 1 else 0.0
        dropped = self._status.figures().dropped
        return Summary(self.frames, dropped, monotonic() - self._start, fps, self._status.stages())

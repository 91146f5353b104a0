"""The status of a run, which the live page, MQTT and the summary read while the run goes on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.stages import Percentiles, Recorder

STAGES = ("preprocess", "invoke", "decode", "total", "age")
"""The times that are measured of every frame, ms; `age` runs from the frame's capture to its result."""

_RECENT = 10.0
"""Time over which the frames a second are counted, s."""
_RECENT_FRAMES = 300
"""Number of the last frames that the stages of `Figures` cover, so that they show how the run is doing now."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a run at one moment.

    Attributes:
        frames: number of frames that the model has processed.
        dropped: number of frames of a live camera that were skipped because a newer one came.
        broken: number of the camera's JPEGs that were incomplete, and skipped.
        fps: number of results a second over the last ten seconds.
        stages: percentiles of each of `STAGES` over the last 300 frames, ms; empty before the first frame.
        connected: whether the camera delivers pictures, as far as is known.
        reconnects: number of times that the camera came back after it was lost.
        seconds_since_frame: time since the camera's last frame, s; None before the first.
        sink_drops: number of frames that each sink was too slow for, by the sink's name.
        collected: number of frames that were kept for the next training.
        drift_index: stability index of the last window of scores, classes and brightness, by these names; empty before
            the first window, see `edgetl.vision.shares.stability_index`.
        drifting: reasons of the drifts that have been reported and have not ended.
    """

    frames: int = 0
    dropped: int = 0
    broken: int = 0
    fps: float = 0.0
    stages: dict[str, Percentiles] = field(default_factory=dict)
    connected: bool = False
    reconnects: int = 0
    seconds_since_frame: float | None = None
    sink_drops: dict[str, int] = field(default_factory=dict)
    collected: int = 0
    drift_index: dict[str, float] = field(default_factory=dict)
    drifting: tuple[str, ...] = ()


class Status:
    """The status of a run, which its threads report to and read from.

    Lock rule: one lock guards every field. Each method takes it for a moment and calls nothing that waits, so any
    thread may call any method, even while it holds another lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recorder = Recorder(STAGES)
        self._results: deque[float] = deque(maxlen=1000)
        self._frame_at: float | None = None
        self._dropped = self._broken = self._reconnects = 0
        self._connected = False
        self._sink_drops: dict[str, int] = {}
        self._events: list[Event] = []
        self._collected = 0
        self._drift_index: dict[str, float] = {}
        self._drifting: tuple[str, ...] = ()

    def figures(self) -> Figures:
        """Returns the run's present figures."""
        with self._lock:
            now = monotonic()
            recent = [at for at in self._results if now - at <= _RECENT]
            return Figures(
                frames=self._recorder.count,
                dropped=self._dropped,
                broken=self._broken,
                # Counted until now, not until the last result: if no more results come, the rate falls.
                fps=(len(recent) - 1) / (now - recent[0]) if len(recent) > 1 else 0.0,
                stages=self._recorder.percentiles(_RECENT_FRAMES),
                connected=self._connected,
                reconnects=self._reconnects,
                seconds_since_frame=None if self._frame_at is None else now - self._frame_at,
                sink_drops=dict(self._sink_drops),
                collected=self._collected,
                drift_index=dict(self._drift_index),
                drifting=self._drifting,
            )

    def stages(self) -> dict[str, Percentiles]:
        """Returns the percentiles of each of `STAGES` over the last 10,000 frames, ms; empty before the first frame."""
        with self._lock:
            return self._recorder.percentiles()

    def frame_arrived(self, at: float) -> None:
        """Records that the camera delivered a frame, processed or not.

        Args:
            at: the time of the frame by `time.monotonic`, s.
        """
        with self._lock:
            self._frame_at = at
            self._connected = True

    def observed(self, observation: Observation) -> None:
        """Records an observation's timings and age."""
        t = observation.timings
        with self._lock:
            self._results.append(monotonic())
            self._recorder.add(t.preprocess, t.invoke, t.decode, t.total, observation.age_ms)

    def camera_lost(self) -> None:
        """Records that the camera delivers no more pictures."""
        with self._lock:
            self._connected = False

    def camera_back(self) -> None:
        """Records that the lost camera delivers pictures again."""
        with self._lock:
            self._connected = True
            self._reconnects += 1

    def frame_dropped(self) -> None:
        """Counts a frame that was skipped because a newer one came."""
        with self._lock:
            self._dropped += 1

    def picture_broken(self) -> None:
        """Counts a JPEG that was incomplete."""
        with self._lock:
            self._broken += 1

    def sink_dropped(self, sink: str) -> None:
        """Counts a frame that a sink was too slow for.

        Args:
            sink: the sink's name.
        """
        with self._lock:
            self._sink_drops[sink] = self._sink_drops.get(sink, 0) + 1

    def frame_collected(self) -> None:
        """Counts a frame that was kept for the next training."""
        with self._lock:
            self._collected += 1

    def drift_measured(self, index: Mapping[str, float]) -> None:
        """Records the stability indices of the last window.

        Args:
            index: the index of each distribution, by its name.
        """
        with self._lock:
            self._drift_index |= index

    def drift_reported(self, reason: str, *, lasts: bool) -> None:
        """Records that a drift has begun or ended.

        Args:
            reason: the reason of the drift.
            lasts: whether it has begun, not ended.
        """
        with self._lock:
            others = tuple(other for other in self._drifting if other != reason)
            self._drifting = (*others, reason) if lasts else others

    def post(self, event: Event) -> None:
        """Leaves an event for the run's loop, which passes it to the sinks."""
        with self._lock:
            self._events.append(event)

    def take_events(self) -> list[Event]:
        """Returns the events that were left since the last call."""
        with self._lock:
            events, self._events = self._events, []
            return events

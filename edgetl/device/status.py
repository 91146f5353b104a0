"""How a run is doing, for whoever wants to know while it goes on: the live page, MQTT, the summary."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from time import monotonic

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.stages import Percentiles, Recorder

STAGES = ("preprocess", "invoke", "decode", "total", "age")
"""What is measured of a frame; age is from its capture to its result."""

_RECENT = 10.0
"""Time over which the frames a second are counted, s."""
_RECENT_FRAMES = 300
"""Number of the last frames that the stages of `Figures` cover, so that they show how the run is doing now."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A run at one moment.

    Attributes:
        frames: looked at.
        dropped: frames of a live camera that a newer one overtook.
        broken: pictures of the camera that came as half a JPEG, and were passed over.
        fps: results a second over the last ten seconds.
        stages: ms of each of `STAGES`, over the last 300 frames; empty before the first frame.
        connected: whether the camera gives pictures, as far as is known.
        reconnects: how often it came back after it was lost.
        seconds_since_frame: since the last frame came from the camera; None before the first.
        sink_drops: frames that a sink was too slow for, by its name.
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


class Status:
    """What the threads of a run tell about it; every method may be called from any of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recorder = Recorder(STAGES)
        self._results: deque[float] = deque(maxlen=1000)
        self._frame_at: float | None = None
        self._dropped = self._broken = self._reconnects = 0
        self._connected = False
        self._sink_drops: dict[str, int] = {}
        self._posted: list[Event] = []

    def figures(self) -> Figures:
        """Returns the run's figures as they are now."""
        with self._lock:
            now = monotonic()
            recent = [at for at in self._results if now - at <= _RECENT]
            return Figures(
                frames=self._recorder.count,
                dropped=self._dropped,
                broken=self._broken,
                # Until now and not until the last result: where none come any more the rate falls.
                fps=(len(recent) - 1) / (now - recent[0]) if len(recent) > 1 else 0.0,
                stages=self._recorder.percentiles(_RECENT_FRAMES),
                connected=self._connected,
                reconnects=self._reconnects,
                seconds_since_frame=None if self._frame_at is None else now - self._frame_at,
                sink_drops=dict(self._sink_drops),
            )

    def came(self, at: float) -> None:
        """Notes a frame of the camera, looked at or not, by its time of `time.monotonic`."""
        with self._lock:
            self._frame_at = at
            self._connected = True

    def stages(self) -> dict[str, Percentiles]:
        """Returns the ms of each of `STAGES` over the last 10,000 frames; empty before the first frame."""
        with self._lock:
            return self._recorder.percentiles()

    def observed(self, observation: Observation) -> None:
        """Records an observation's timings and age."""
        t = observation.timings
        with self._lock:
            self._results.append(monotonic())
            self._recorder.add(t.preprocess, t.invoke, t.decode, t.total, observation.age_ms)

    def lost(self) -> None:
        """Notes that the camera gives no pictures any more."""
        with self._lock:
            self._connected = False

    def back(self) -> None:
        """Notes that it came back."""
        with self._lock:
            self._connected = True
            self._reconnects += 1

    def drop(self) -> None:
        """Notes a frame that a newer one overtook."""
        with self._lock:
            self._dropped += 1

    def skip_broken(self) -> None:
        """Notes a picture that came as half a JPEG."""
        with self._lock:
            self._broken += 1

    def drop_of(self, sink: str) -> None:
        """Notes a frame that a sink was too slow for."""
        with self._lock:
            self._sink_drops[sink] = self._sink_drops.get(sink, 0) + 1

    def post(self, event: Event) -> None:
        """Leaves an event for the loop, which tells it to the sinks."""
        with self._lock:
            self._posted.append(event)

    def take_posted(self) -> list[Event]:
        """Returns the events left since the last call."""
        with self._lock:
            posted, self._posted = self._posted, []
            return posted

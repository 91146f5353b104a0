"""Reads how a run is doing, for the live page and for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic

from edgetl.device.measure.thermal import Thermal, firmware_flags
from edgetl.device.status import Figures, Status

_MAX_AGE = 0.9
"""A reading is used for this long, s, so that many viewers cost no more than one."""

_FIRMWARE_INTERVAL = 10.0
"""The firmware is asked once in this time, s: it takes a program of its own if /sys does not have the flags."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A run and its machine at one moment.

    Attributes:
        figures: the figures of the run.
        thermal: the temperature and the throttling of the machine.
        viewers: the number of connections to the page.
    """

    figures: Figures
    thermal: Thermal
    viewers: int


class RunMetrics:
    """Reads the run and its machine at most once a second.

    All methods are called in the page's event loop, so the state needs no lock.

    Args:
        status: the status of the run.
        stall: the camera counts as lost after this time without a frame, s.
        viewers: returns the number of connections to the page.

    Attributes:
        stall: the camera counts as lost after this time without a frame, s.
    """

    def __init__(self, status: Status, stall: float, viewers: Callable[[], int]) -> None:
        self.stall = stall
        self._status = status
        self._viewers = viewers
        self._reading: Reading | None = None
        self._read_at = 0.0
        self._started = monotonic()
        self._flags: int | None = None
        self._ask_firmware_at = 0.0

    def read(self) -> Reading:
        """Returns the state of the run and the machine, at most a second old."""
        now = monotonic()
        if self._reading is None or now - self._read_at > _MAX_AGE:
            self._reading = Reading(self._status.figures(), self._thermal(now), self._viewers())
            self._read_at = now
        return self._reading

    def _thermal(self, now: float) -> Thermal:
        thermal = Thermal.here()
        if thermal.flags is not None:
            return thermal
        if now >= self._ask_firmware_at:
            self._ask_firmware_at = now + _FIRMWARE_INTERVAL
            self._flags = firmware_flags()
        return replace(thermal, flags=self._flags)

    def silence(self) -> float:
        """Returns the time since the last frame, s; before the first frame the time since the page was started."""
        since = self._status.figures().seconds_since_frame
        return monotonic() - self._started if since is None else since

    def to_dict(self) -> dict[str, object]:
        """Returns the figures of the run, the camera and the machine as JSON-ready values."""
        reading, silence = self.read(), self.silence()
        figures, thermal = reading.figures, reading.thermal
        return {
            "frames": figures.frames,
            "dropped": figures.dropped,
            "fps": round(figures.fps, 2),
            "stages": {
                name: {"p50": round(stage.p50, 2), "p95": round(stage.p95, 2)} for name, stage in figures.stages.items()
            },
            "connected": figures.connected,
            "reconnects": figures.reconnects,
            "seconds_since_frame": round(silence, 1),
            "stalled": silence > self.stall,
            "sink_drops": figures.sink_drops,
            "collected": figures.collected,
            "drifting": list(figures.drifting),
            "celsius": thermal.celsius,
            "throttled": thermal.throttled,
            "viewers": reading.viewers,
        }

    def prometheus_text(self) -> str:
        """Returns the figures in Prometheus' text format, version 0.0.4; times are in seconds, by its conventions."""
        reading = self.read()
        figures, thermal = reading.figures, reading.thermal
        drops = [(_labels(sink=name), count) for name, count in figures.sink_drops.items()]
        families = [
            _family("edgetl_frames_total", "counter", "Frames with a result.", _one(figures.frames)),
            _family("edgetl_frames_dropped_total", "counter", "Frames dropped for a newer one.", _one(figures.dropped)),
            _family("edgetl_frames_per_second", "gauge", "Recent results a second.", _one(figures.fps)),
            _family("edgetl_stage_seconds", "summary", "Recent time of a frame's stages.", _stages(figures)),
            _family("edgetl_camera_connected", "gauge", "Whether the camera is connected.", _one(figures.connected)),
            _family("edgetl_camera_reconnects_total", "counter", "Camera reconnects.", _one(figures.reconnects)),
            _family("edgetl_camera_silence_seconds", "gauge", "Time since the last frame.", _one(self.silence())),
            _family("edgetl_sink_dropped_total", "counter", "Frames dropped for a slow output.", drops),
            _family("edgetl_collected_frames_total", "counter", "Frames kept for training.", _one(figures.collected)),
            _family(
                "edgetl_drift_index", "gauge", "Stability index of the last window.", _by("of", figures.drift_index)
            ),
            _family("edgetl_drifting", "gauge", "Drifts that last.", _by("reason", dict.fromkeys(figures.drifting, 1))),
            _family("edgetl_page_connections", "gauge", "Connections to the live page.", _one(reading.viewers)),
            _family("edgetl_temperature_celsius", "gauge", "The hottest zone's temperature.", _one(thermal.celsius)),
            _family("edgetl_throttled", "gauge", "Whether the clock is throttled.", _one(thermal.throttled)),
        ]
        return "".join(line + "\n" for family in families for line in family)


Sample = tuple[str, float]
"""The labels in braces, or an empty text, and the value."""


def _family(name: str, kind: str, description: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{labels} {float(value):.10g}"


def _stages(figures: Figures) -> Iterator[Sample]:
    for name, stage in figures.stages.items():
        yield _labels(stage=name, quantile="0.5"), stage.p50 / 1e3
        yield _labels(stage=name, quantile="0.95"), stage.p95 / 1e3


def _one(value: float | None) -> list[Sample]:
    """Returns a sample without labels; none for a value that this machine does not have."""
    return [] if value is None else [("", value)]


def _by(name: str, values: Mapping[str, float]) -> list[Sample]:
    """Returns a sample for each value, with its key as a label.

    Args:
        name: the name of the label.
        values: the values by their keys.
    """
    return [(_labels(**{name: key}), value) for key, value in values.items()]


def _labels(**labels: str) -> str:
    escaped = (
        (name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"

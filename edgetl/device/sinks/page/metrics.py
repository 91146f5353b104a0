"""How the run is doing, as the page and a monitor read it; looked up once a second at most, however many ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic

from edgetl.device.measure.thermal import Thermal, firmware_flags
from edgetl.device.status import Figures, Status

_LOOKED_UP = 0.9
"""What was looked up is told for so long, s."""

_FIRMWARE_ASKED = 10.0
"""How often a program is started to ask the firmware, where /sys doesn't tell, s."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The run at one moment.

    Attributes:
        figures: of the run.
        thermal: of the machine.
        viewers: connections to the page.
    """

    figures: Figures
    thermal: Thermal
    viewers: int


class Board:
    """Reads the run and the machine; used in the page's event loop.

    Args:
        status: the run's.
        stall: without a frame for so long the camera counts as lost, s.
        viewers: counts the connections to the page.
    """

    def __init__(self, status: Status, stall: float, viewers: Callable[[], int]) -> None:
        self.stall = stall
        self._status = status
        self._viewers = viewers
        self._reading: Reading | None = None
        self._at = 0.0
        self._started = monotonic()
        self._flags: int | None = None
        self._ask_firmware_at = 0.0

    def read(self) -> Reading:
        """Returns the run as it is, or was less than a second ago."""
        now = monotonic()
        if self._reading is None or now - self._at > _LOOKED_UP:
            self._reading = Reading(self._status.figures(), self._thermal(now), self._viewers())
            self._at = now
        return self._reading

    def _thermal(self, now: float) -> Thermal:
        thermal = Thermal.here()
        if thermal.flags is not None:
            return thermal
        if now >= self._ask_firmware_at:
            self._ask_firmware_at = now + _FIRMWARE_ASKED
            self._flags = firmware_flags()
        return replace(thermal, flags=self._flags)

    def silence(self) -> float:
        """Returns for how long no frame has come, as it is now; s."""
        since = self._status.figures().seconds_since_frame
        return monotonic() - self._started if since is None else since

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values: the figures, and what a person should know of the camera and the machine."""
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
            "celsius": thermal.celsius,
            "throttled": thermal.throttled,
            "viewers": reading.viewers,
        }


def metrics(board: Board) -> str:
    """Returns the same in Prometheus' text format, version 0.0.4; times in seconds, as its conventions have it."""
    reading = board.read()
    figures, thermal = reading.figures, reading.thermal
    families = [
        _family("edgetl_frames_total", "counter", "Frames looked at.", [("", figures.frames)]),
        _family("edgetl_frames_dropped_total", "counter", "Frames that a newer one overtook.", [("", figures.dropped)]),
        _family("edgetl_frames_per_second", "gauge", "Results a second, recently.", [("", figures.fps)]),
        _family("edgetl_stage_seconds", "summary", "What the stages of a frame take, recently.", _stages(figures)),
        _family("edgetl_camera_connected", "gauge", "Whether the camera gives frames.", [("", figures.connected)]),
        _family("edgetl_camera_reconnects_total", "counter", "How often it came back.", [("", figures.reconnects)]),
        _family("edgetl_camera_silence_seconds", "gauge", "Since the last frame.", [("", board.silence())]),
        _family(
            "edgetl_sink_dropped_total",
            "counter",
            "Frames that a sink was too slow for.",
            [(_labels(sink=name), count) for name, count in figures.sink_drops.items()],
        ),
        _family("edgetl_page_connections", "gauge", "Connections to the live page.", [("", reading.viewers)]),
        _family("edgetl_temperature_celsius", "gauge", "Of the hottest zone.", _known(thermal.celsius)),
        _family("edgetl_throttled", "gauge", "Whether the clock is held down.", _known(thermal.throttled)),
    ]
    return "".join(line + "\n" for family in families for line in family)


Sample = tuple[str, float | None]
"""Labels in braces, or none, and a value."""


def _family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{labels} {float(value or 0):.10g}"


def _stages(figures: Figures) -> Iterator[Sample]:
    for name, stage in figures.stages.items():
        yield _labels(stage=name, quantile="0.5"), stage.p50 / 1e3
        yield _labels(stage=name, quantile="0.95"), stage.p95 / 1e3


def _known(value: float | None) -> list[Sample]:
    return [] if value is None else [("", value)]


def _labels(**labels: str) -> str:
    escaped = (
        (name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"

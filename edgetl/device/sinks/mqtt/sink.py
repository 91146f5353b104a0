"""Publishes results and events over MQTT, for home automation and other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.change_filter import change_key, counts
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.home_assistant_discovery import CameraDescription, discovery
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
from edgetl.install import install_command
from edgetl.text import json_text
from edgetl.vision.results import Classification

_RESULT_PAUSE = 0.5
"""Two results are at least this far apart, s, so that an object that flickers does not flood the broker."""
_FIGURES_PAUSE = 10.0
"""The figures of the run are published once in this time, s."""


class MqttSink:
    """Publishes results that differ from the last one, events and figures, and never waits for the broker.

    The topics below the address's prefix are `status` (`online` or `offline`; retained, and the last will), `result`
    (JSON; retained), `event` (JSON), `lines` (JSON, the objects counted across each line; retained) and `figures`
    (JSON, every ten seconds; retained). Home Assistant gets a description of them through its MQTT discovery.

    The run's thread calls the public methods. After each connect, paho's thread reads the latest payloads, which needs
    no lock: `_result` is replaced as a whole, and the keys of `_lines` never change.

    Args:
        address: the broker's address.
        description: the camera, its model and its classes, for Home Assistant.
        status: the status of the run.
        crossings: returns the number of objects counted across each line, including those without an event; None
            counts the events.

    Attributes:
        connection: the connection to the broker.

    Raises:
        EdgetlError: paho-mqtt is not installed.
    """

    def __init__(
        self,
        address: Address,
        description: CameraDescription,
        status: Status,
        crossings: Callable[[], dict[str, dict[str, int]]] | None = None,
    ) -> None:
        try:
            from edgetl.device.sinks.mqtt.connection import BrokerConnection
        except ImportError as error:
            what, remedy = f"MQTT needs paho-mqtt: {error}", install_command("mqtt")
            raise EdgetlError(what, where="--mqtt", remedy=remedy) from error
        self._address = address
        self._description = description
        self._status = status
        self._crossings = crossings
        self._result: Mapping[str, object] | None = None
        self._lines = {line: {"in": 0, "out": 0} for line in description.lines}
        self._last_key: object = None
        self._next_result = self._next_figures = 0.0
        self.connection = BrokerConnection(address, description.node, self._topic("status"), self._announcements)

    def __enter__(self) -> Self:
        self.connection.open()
        return self

    def write(self, observation: Observation) -> None:
        """Publishes a result that differs from the last one, and the figures when it is time for them."""
        frame, result = observation.frame, observation.result
        now = monotonic()
        if self._crossings and (lines := self._crossings()) != self._lines:
            self._lines = lines
            self._publish_retained("lines", lines)
        key = change_key(result)
        if key != self._last_key and now >= self._next_result:
            self._last_key, self._next_result = key, now + _RESULT_PAUSE
            label = {"label": (result.labels or (None,))[0]} if isinstance(result, Classification) else {}
            head = {"time": _now(), "index": frame.index, **label, "counts": counts(result)}
            self._result = head | result.to_dict()
            self._publish_retained("result", self._result)
        if now >= self._next_figures:
            self._publish_figures()

    def notify(self, event: Event) -> None:
        """Publishes an event; while the broker is not connected, the event waits."""
        if self.connection.full:
            self._status.sink_dropped("mqtt")
        else:
            at = {"time": _now()} | ({} if event.index is None else {"index": event.index})
            self.connection.publish(self._topic("event"), json_text(at | event.to_dict()))
        if event.kind == "crossed":
            self._count_crossing(event)
        elif event.kind in ("camera_lost", "camera_back", "drift", "drift_over"):
            self._publish_figures()

    def _count_crossing(self, event: Event) -> None:
        line, direction = str(event.facts["line"]), str(event.facts["direction"])
        if line in self._lines and self._crossings is None:
            self._lines[line][direction] += 1
            self._publish_retained("lines", self._lines)

    def _publish_figures(self) -> None:
        self._next_figures = monotonic() + _FIGURES_PAUSE
        self._publish_retained("figures", self._figures())

    def _figures(self) -> dict[str, object]:
        figures = self._status.figures()
        age = figures.stages.get("age")
        return {
            "fps": round(figures.fps, 2),
            "age_ms": round(age.p50, 1) if age else None,
            "frames": figures.frames,
            "dropped": figures.dropped,
            "connected": figures.connected,
            "reconnects": figures.reconnects,
            "drifting": list(figures.drifting),
            "mqtt_dropped": figures.sink_drops.get("mqtt", 0),
        }

    def _publish_retained(self, name: str, payload: Mapping[str, object]) -> None:
        """Publishes a payload that replaces the last one; a broker that is not connected gets the latest later."""
        if self.connection.connected and not self.connection.full:
            self.connection.publish(self._topic(name), json_text(payload), retain=True)

    def _announcements(self) -> Iterator[tuple[str, str]]:
        """Yields the (topic, payload) of the messages that a broker gets after each connect."""
        yield from discovery(self._description)
        yield self._topic("status"), "online"
        latest: dict[str, Mapping[str, object]] = {"lines": self._lines, "figures": self._figures()}
        if self._result:
            latest["result"] = self._result
        for name, payload in latest.items():
            yield self._topic(name), json_text(payload)

    def _topic(self, name: str) -> str:
        return f"{self._address.prefix}/{name}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def _now() -> str:
    """Returns the present time with its zone, in ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")

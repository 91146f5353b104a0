"""Results and events over MQTT, for home automation and other programs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.changes import counts
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.discovery import Described, discovery
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
from edgetl.files import local_path
from edgetl.install import install_command
from edgetl.text import json_text
from edgetl.vision.results import Classification

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

logger = logging.getLogger(__name__)

_AT_LEAST_ONCE = 1
_PAUSE = 0.5
"""Between two results, s: an object that flickers must not flood the broker."""
_FIGURES_PAUSE = 10.0
_KEEPALIVE = 30
"""Within one and a half of that the broker tells that a camera is offline, s."""
_CONNECT_TIMEOUT = 5.0
_RETRY = (1, 30)
"""Pauses before the broker is tried again: the first, which doubles, and the longest; s."""
_MOST_WAITING = 1000
"""Messages that wait for the broker; what comes then is dropped and counted."""
_WORD_PAUSE = 60.0
"""Between two warnings with the same reason, s: a broker that comes and goes must not fill the log."""
_GOODBYE = 2.0
"""How long the end of a run waits for the last messages, s."""


class Mqtt:
    """Publishes what is new, and never waits for the broker: one that is away is tried again until it is back.

    Topics, all below the address's prefix: `status` (`online`, `offline`; retained, and the last will), `result`
    (JSON; retained), `event` (JSON), `lines` (JSON, what was counted so far; retained), `figures` (JSON; every ten
    seconds; retained). Home Assistant is told of them by its MQTT discovery.

    Args:
        address: of the broker.
        described: what there is to be told of.
        status: of the run.
        crossings: tells what was counted across each line so far, told as an event or not; None counts the events.

    Raises:
        EdgetlError: paho-mqtt is not installed.
    """

    def __init__(
        self,
        address: Address,
        described: Described,
        status: Status,
        crossings: Callable[[], dict[str, dict[str, int]]] | None = None,
    ) -> None:
        try:
            from edgetl.device.sinks.mqtt.client import BoundedClient
        except ImportError as error:
            what, remedy = f"MQTT needs paho-mqtt: {error}", install_command("mqtt")
            raise EdgetlError(what, where="--mqtt", remedy=remedy) from error
        self._address = address
        self._described = described
        self._status = status
        self._crossings = crossings
        self._connected = False
        self._told_away = ""  # the reason
        self._last_word = ("", 0.0)  # the last reason that was logged, and when
        # What was published from the run's thread, and from paho's own; what the broker has confirmed.
        self._published = self._announced = self._confirmed = 0
        self._result: Mapping[str, object] | None = None
        self._lines = {line: {"in": 0, "out": 0} for line in described.lines}
        self._said: object = None
        self._next_result = self._next_figures = 0.0
        # The same id each time: a broker that still holds a killed run's connection then ends that first, so that its
        # last will can't come after our greeting.
        self._client = BoundedClient(described.node)
        self._set_up(self._client)

    def _set_up(self, client: Client) -> None:
        if self._address.user:
            client.username_pw_set(self._address.user, self._address.password or None)
        if self._address.tls:
            client.tls_set(ca_certs=str(local_path(self._address.ca)) if self._address.ca else None)
        client.will_set(self._topic("status"), "offline", _AT_LEAST_ONCE, retain=True)
        client.reconnect_delay_set(*_RETRY)
        client.connect_timeout = _CONNECT_TIMEOUT
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_publish = self._on_publish

    def __enter__(self) -> Self:
        self._client.connect_async(self._address.host, self._address.port, _KEEPALIVE)
        self._client.loop_start()
        return self

    @property
    def waiting(self) -> int:
        """Messages that the broker has not confirmed yet."""
        return self._published + self._announced - self._confirmed

    def write(self, observation: Observation) -> None:
        """Publishes a result that says something new, and the figures when it is time."""
        frame, result = observation.frame, observation.result
        now = monotonic()
        if self._crossings and (lines := self._crossings()) != self._lines:
            self._lines = lines
            self._publish_latest("lines", lines)
        said = result.labels if isinstance(result, Classification) else counts(result)
        if said != self._said and now >= self._next_result:
            self._said, self._next_result = said, now + _PAUSE
            label = {"label": (result.labels or (None,))[0]} if isinstance(result, Classification) else {}
            told = {"time": _clock(), "index": frame.index} | label | {"counts": counts(result)} | result.to_dict()
            self._result = told
            self._publish_latest("result", told)
        if now >= self._next_figures:
            self._tell_figures()

    def notify(self, event: Event) -> None:
        """Publishes an event; one without a broker waits for it."""
        if self.waiting >= _MOST_WAITING:
            self._status.sink_dropped("mqtt")
        else:
            at = {"time": _clock()} | ({} if event.index is None else {"index": event.index})
            self._published += 1
            self._client.publish(self._topic("event"), _json(at | event.to_dict()), _AT_LEAST_ONCE)
        if event.kind == "crossed":
            self._count(event)
        elif event.kind in ("camera_lost", "camera_back"):
            self._tell_figures()

    def _count(self, event: Event) -> None:
        line, direction = str(event.facts["line"]), str(event.facts["direction"])
        if line in self._lines and self._crossings is None:
            self._lines[line][direction] += 1
            self._publish_latest("lines", self._lines)

    def _tell_figures(self) -> None:
        self._next_figures = monotonic() + _FIGURES_PAUSE
        self._publish_latest("figures", self._figures())

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
            "mqtt_dropped": figures.sink_drops.get("mqtt", 0),
        }

    def _publish_latest(self, name: str, payload: Mapping[str, object]) -> None:
        """Publishes what only the latest counts of: a broker that is away is told when it is back."""
        if self._connected and self.waiting < _MOST_WAITING:
            self._published += 1
            self._client.publish(self._topic(name), _json(payload), _AT_LEAST_ONCE, retain=True)

    def _topic(self, name: str) -> str:
        return f"{self._address.prefix}/{name}"

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._say_away(f"it refuses us: {code}")
            return
        latest: dict[str, Mapping[str, object]] = {"lines": self._lines, "figures": self._figures()}
        if self._result:
            latest["result"] = self._result
        told = [*discovery(self._described), (self._topic("status"), "online")]
        told += [(self._topic(name), _json(payload)) for name, payload in latest.items()]
        for topic, payload in told:
            self._announced += 1
            client.publish(topic, payload, _AT_LEAST_ONCE, retain=True)
        self._connected = True
        if self._told_away:
            logger.warning("the MQTT broker at %s is back", self._address)
        self._told_away = ""

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._client.take_oversized():
            self._say_away("it sends packets that are too long")
        elif code.is_failure and self._connected:
            self._say_away("the connection is lost")
        elif code.is_failure and not self._told_away:
            self._say_away("it ends the connection before it answers; check the port, and whether it speaks TLS")
        self._connected = False

    def _on_connect_fail(self, client: Client, _: object) -> None:
        from edgetl.device.sinks.mqtt.client import reason_of

        self._say_away(reason_of(sys.exception()))  # paho calls this where it handles the error

    def _say_away(self, reason: str) -> None:
        before, at = self._last_word
        if reason == self._told_away or (reason == before and monotonic() - at < _WORD_PAUSE):
            return
        logger.warning("the MQTT broker at %s is away, and is tried again: %s", self._address, reason)
        self._told_away, self._last_word = reason, (reason, monotonic())

    def _on_publish(self, client: Client, _: object, mid: int, code: ReasonCode, properties: Properties) -> None:
        self._confirmed += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connected:
            self._announced += 1
            goodbye = self._client.publish(self._topic("status"), "offline", _AT_LEAST_ONCE, retain=True)
            with suppress(RuntimeError, ValueError):  # lost just now
                goodbye.wait_for_publish(_GOODBYE)
        if (left := self.waiting) > 0:
            logger.warning("the MQTT broker at %s has not confirmed %d messages: they may be lost", self._address, left)
        elif not (self._connected or self._told_away):
            logger.warning("the MQTT broker at %s has not answered before the run ended", self._address)
        self._client.disconnect()
        # Its thread may be looking up the broker's name, which nothing ends; the run's end shall not wait for that.
        stopper = Thread(target=self._client.loop_stop, name="mqtt stopper", daemon=True)
        stopper.start()
        stopper.join(_CONNECT_TIMEOUT + 1)


def _clock() -> str:
    """The time of the day with its zone, in ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _json(payload: Mapping[str, object]) -> str:
    return json_text(payload)

"""Keeps the connection to an MQTT broker: connects again after a loss, counts the waiting messages, and logs both."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.client import BoundedClient, connection_failure
from edgetl.files import local_path
from edgetl.text import counted

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

logger = logging.getLogger(__name__)

_AT_LEAST_ONCE = 1
"""The MQTT quality of service of all messages."""
_KEEPALIVE = 30
"""The broker reports a camera as offline after one and a half times this time of silence, s."""
_CONNECT_TIMEOUT = 5.0
"""An attempt to connect ends after this time, s."""
_RETRY = (1, 30)
"""The pauses between attempts to connect: the first one, which doubles each time, and the longest; s."""
_MAX_WAITING = 1000
"""At most this many messages wait for the broker, so that memory stays bounded; further ones are dropped."""
_SAME_REASON_PAUSE = 60.0
"""The same reason is logged once in this time, s, so that a broker that comes and goes can't fill the log."""
_LAST_MESSAGE_SECONDS = 2.0
"""The end of a run waits this long for the broker to confirm that the camera is offline, s."""


class BrokerConnection:
    """Publishes messages through a client that connects again by itself, and never waits for the broker.

    Two threads use the object: the run's thread calls the public methods, and paho's thread calls the callbacks. There
    is no lock, because each counter has one writer: `_published` the run's thread, `_announced` and `_confirmed` paho's
    thread. `connected` and the reason in `_failure` are replaced as a whole by paho's thread.

    Args:
        address: the broker's address.
        client_id: the client's name at the broker. It is the same in every run: a broker that still holds the
            connection of a killed run then ends it first, so that its last will can't follow this run's first message.
        status_topic: the topic of the retained messages `online` and `offline`; the last will is `offline`.
        announcements: returns the (topic, payload) of the messages to publish, retained, after each connect.

    Attributes:
        connected: whether the broker has accepted the connection.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        status_topic: str,
        announcements: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        self.connected = False
        self._address = address
        self._status_topic = status_topic
        self._announcements = announcements
        self._failure = ""  # why the broker is not connected; empty if it is, or if no attempt has failed
        self._last_logged = ("", 0.0)  # the last reason that was logged, and when
        self._published = self._announced = self._confirmed = 0
        self._client = BoundedClient(client_id)
        self._set_up(self._client)

    def _set_up(self, client: Client) -> None:
        if self._address.user:
            client.username_pw_set(self._address.user, self._address.password or None)
        if self._address.tls:
            client.tls_set(ca_certs=str(local_path(self._address.ca)) if self._address.ca else None)
        client.will_set(self._status_topic, "offline", _AT_LEAST_ONCE, retain=True)
        client.reconnect_delay_set(*_RETRY)
        client.connect_timeout = _CONNECT_TIMEOUT
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_publish = self._on_publish

    def open(self) -> None:
        """Starts to connect in a thread of its own."""
        self._client.connect_async(self._address.host, self._address.port, _KEEPALIVE)
        self._client.loop_start()

    @property
    def waiting(self) -> int:
        """The number of messages that the broker has not confirmed yet."""
        return self._published + self._announced - self._confirmed

    @property
    def full(self) -> bool:
        """Whether no further message may wait."""
        return self.waiting >= _MAX_WAITING

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Sends a message; if the broker is not connected, the message waits until it is.

        Args:
            topic: the full topic.
            payload: the text of the message.
            retain: whether the broker keeps the message for later subscribers.
        """
        self._published += 1
        self._client.publish(topic, payload, _AT_LEAST_ONCE, retain=retain)

    def close(self) -> None:
        """Publishes `offline`, logs how many messages are unconfirmed, and ends the connection."""
        if self.connected:
            self._published += 1
            last = self._client.publish(self._status_topic, "offline", _AT_LEAST_ONCE, retain=True)
            with suppress(RuntimeError, ValueError):  # the connection has just been lost
                last.wait_for_publish(_LAST_MESSAGE_SECONDS)
        if (left := self.waiting) > 0:
            unconfirmed = counted(left, "message")
            logger.warning("the MQTT broker at %s has not confirmed %s: they may be lost", self._address, unconfirmed)
        elif not (self.connected or self._failure):
            logger.warning("the MQTT broker at %s has not answered before the run ended", self._address)
        self._client.disconnect()
        # Paho's thread may be resolving the broker's name, which can't be interrupted and must not delay the end.
        stopper = Thread(target=self._client.loop_stop, name="mqtt stopper", daemon=True)
        stopper.start()
        stopper.join(_CONNECT_TIMEOUT + 1)

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._log_failure(f"it refuses the connection: {code}")
            return
        for topic, payload in self._announcements():
            self._announced += 1
            client.publish(topic, payload, _AT_LEAST_ONCE, retain=True)
        self.connected = True
        if self._failure:
            logger.warning("the MQTT broker at %s is connected again", self._address)
        self._failure = ""

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._client.take_oversized():
            self._log_failure("it sends packets that are too long")
        elif code.is_failure and self.connected:
            self._log_failure("the connection is lost")
        elif code.is_failure and not self._failure:
            self._log_failure("it ends the connection before it answers; check the port, and whether it speaks TLS")
        self.connected = False

    def _on_connect_fail(self, client: Client, _: object) -> None:
        self._log_failure(connection_failure(sys.exception()))  # paho calls this while it handles the error

    def _log_failure(self, reason: str) -> None:
        last, at = self._last_logged
        if reason == self._failure or (reason == last and monotonic() - at < _SAME_REASON_PAUSE):
            return
        logger.warning("the MQTT broker at %s is not connected, and is tried again: %s", self._address, reason)
        self._failure, self._last_logged = reason, (reason, monotonic())

    def _on_publish(self, client: Client, _: object, mid: int, code: ReasonCode, properties: Properties) -> None:
        self._confirmed += 1

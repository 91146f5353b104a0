"""MQTT brokers of the tests' own, a subscriber, and the results and events that the tests publish."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fakes import solid

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.home_assistant_discovery import CameraDescription
from edgetl.device.sinks.mqtt.sink import MqttSink
from edgetl.device.status import Status
from edgetl.vision.results import Classification, Detections

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
RUN = [sys.executable, "-c", "import sys; from edgetl.cli.run import run; run.main(sys.argv[1:])"]
CLASSES = ((0, "bolt"), (1, 'a "nut" }}'))

needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")


def detections(*labels):
    count = len(labels)
    ids = np.array([[label for _, label in CLASSES].index(label) for label in labels], np.int64)
    boxes = np.tile(np.array((1, 2, 30, 40), np.float32), (count, 1))
    return Detections(boxes, np.full(count, 0.9, np.float32), ids, labels, (64, 48), np.arange(count) + 1)


def classification(*labels):
    return Classification(np.arange(len(labels)), np.full(len(labels), 0.9, np.float32), labels)


def frame(index=0):
    return Frame(solid(2), time.monotonic(), index)


def description(task="detection", prefix="hall/cam", classes=CLASSES, lines=("belt",)):
    return CameraDescription("parts", task, classes, lines, prefix)


def crossed(direction="in", index=3):
    facts = {"line": "belt", "direction": direction, "label": "bolt", "class_id": 0, "track": 7}
    return Event("crossed", time.monotonic(), f"bolt 7 crossed belt, {direction}", index, facts)


class Broker:
    """A mosquitto process on the loopback that can be killed and started again."""

    def __init__(self, folder: Path, *lines: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.config = folder / "mosquitto.conf"
        access = [] if any("anonymous" in line for line in lines) else ["allow_anonymous true"]
        self.config.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", *access, *lines]) + "\n")
        self.process = None
        self.start()

    def start(self):
        log = (self.folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "mosquitto.log").read_text())

    def kill(self):
        self.process.kill()
        self.process.wait()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}/hall/cam"


class Listener:
    """Keeps every message that a broker delivers."""

    def __init__(self, port, **login):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.got: list[tuple[str, str, bool]] = []
        self.ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(**login)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda _, __, m: self.got.append((m.topic, m.payload.decode(), m.retain))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def of(self, topic):
        return [payload for got, payload, _ in self.got if got == topic]

    def wait(self, topic, holds=bool, seconds=15.0):
        """Waits until the payloads of a topic fulfil a condition; returns them."""
        deadline = time.monotonic() + seconds
        while not holds(self.of(topic)):
            assert time.monotonic() < deadline, (topic, self.got)
            time.sleep(0.02)
        return self.of(topic)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


def connect(broker, task="detection", status=None):
    return MqttSink(Address.parse(broker.url), description(task), status or Status())


def wait_until(holds, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)

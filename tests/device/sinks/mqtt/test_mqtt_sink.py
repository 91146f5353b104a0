"""Results, events and figures over MQTT."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import datetime

import numpy as np
import pytest
from fakes import FakeCamera, observed, solid
from load import unhindered
from mqtt_brokers import (
    RUN,
    Listener,
    classification,
    connect,
    crossed,
    description,
    detections,
    frame,
    needs_broker,
    wait_until,
)

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.observer import SceneObserver
from edgetl.device.run.outputs import make_sinks
from edgetl.device.run.scene_settings import SceneSettings
from edgetl.device.run.settings import RunSettings
from edgetl.device.sinks.mqtt import connection as connection_module
from edgetl.device.sinks.mqtt import sink as sink_module
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.sink import MqttSink
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import EdgetlError
from edgetl.install import install_command
from edgetl.vision.results import Detections
from edgetl.vision.zones import Line

DETECTOR = ModelCard("parts", "detection", ("bolt",), InputSpec(32, 32), decoding=DetectorDecoding((8,), (0.5,)))


def slowest_publishing(sink, count):
    """Publishes a changing result and an event `count` times; returns the longest time that one pair takes, s."""
    slowest = 0.0
    for index in range(count):
        begin = unhindered()
        sink.write(observed(frame(index), detections(*["bolt"] * (index % 3))))
        sink.notify(crossed(index=index))
        slowest = max(slowest, unhindered() - begin)
    return slowest


@needs_broker
def test_results_events_and_the_status_of_the_camera_are_published(broker, monkeypatch):
    monkeypatch.setattr(sink_module, "_RESULT_PAUSE", 0.0)
    with Listener(broker.port) as listener:
        with connect(broker) as sink:
            listener.wait("hall/cam/status")
            sink.write(observed(frame(0), detections("bolt")))
            sink.write(observed(frame(1), detections("bolt")))
            sink.write(observed(frame(2), detections("bolt", "bolt")))
            sink.notify(crossed())
            listener.wait("hall/cam/lines", lambda messages: len(messages) == 2)
        assert listener.wait("hall/cam/status", lambda messages: len(messages) == 2) == ["online", "offline"]
        results = [json.loads(payload) for payload in listener.of("hall/cam/result")]
        (event,) = [json.loads(payload) for payload in listener.of("hall/cam/event")]
    assert [(result["index"], result["counts"]) for result in results] == [(0, {"bolt": 1}), (2, {"bolt": 2})]
    assert results[0]["objects"][0]["track"] == 1
    assert (event["event"], event["line"], event["index"]) == ("crossed", "belt", 3)
    assert abs(datetime.fromisoformat(event["time"]).timestamp() - time.time()) < 60
    assert json.loads(listener.of("hall/cam/lines")[-1]) == {"belt": {"in": 1, "out": 0}}


@needs_broker
def test_a_later_subscriber_gets_the_latest_result_status_and_figures(broker):
    with connect(broker, "classification") as sink:
        wait_until(lambda: sink.connection.connected)
        sink.write(observed(frame(5), classification("bolt")))
        wait_until(lambda: sink.connection.waiting == 0)
        with Listener(broker.port) as listener:
            (result,) = listener.wait("hall/cam/result")
            assert set(listener.wait("hall/cam/status")) == {"online"}  # at least once, as QoS 1 says
            assert listener.wait("hall/cam/figures")
            assert listener.of("hall/cam/event") == []
    assert json.loads(result)["label"] == "bolt"
    assert json.loads(result)["counts"] == {"bolt": 1}


@needs_broker
def test_a_flickering_result_is_published_at_most_twice_a_second_and_the_last_one_always(broker):
    with Listener(broker.port) as listener, connect(broker, "classification") as sink:
        listener.wait("hall/cam/status")
        start = time.monotonic()
        while time.monotonic() - start < 1.2:
            sink.write(
                observed(frame(), classification("bolt") if int(time.monotonic() * 50) % 2 else classification())
            )
            time.sleep(0.005)
        for _ in range(150):
            sink.write(observed(frame(), classification("bolt")))
            time.sleep(0.005)
        messages = listener.wait(
            "hall/cam/result", lambda messages: messages and json.loads(messages[-1])["label"] == "bolt"
        )
    assert len(messages) <= 5


@needs_broker
def test_the_last_will_is_published_when_a_run_is_killed(bundle, broker, mjpeg):
    command = [*RUN, str(bundle), "--source", mjpeg(), "--mqtt", broker.url, "--quiet"]
    with Listener(broker.port) as listener:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        listener.wait("hall/cam/status", seconds=40)
        listener.wait("hall/cam/result")
        assert json.loads(listener.wait("hall/cam/event")[0])["event"] == "recognised"
        process.kill()
        process.wait()
        assert listener.wait("hall/cam/status", lambda messages: len(messages) == 2) == ["online", "offline"]


@needs_broker
def test_a_broker_that_is_killed_and_restarted_gets_all_events_and_the_latest_result(broker, caplog):
    status = Status()
    with connect(broker, status=status) as sink:
        wait_until(lambda: sink.connection.connected)
        sink.write(observed(frame(0), detections("bolt")))
        broker.kill()
        wait_until(lambda: not sink.connection.connected)
        assert slowest_publishing(sink, 300) < 0.05, "nothing waits for a broker that is not connected"
        broker.start()
        begin = time.monotonic()
        with Listener(broker.port) as listener:
            assert set(listener.wait("hall/cam/status")) == {"online"}  # at least once, as QoS 1 says
            recovered = time.monotonic() - begin
            events = listener.wait("hall/cam/event", lambda messages: len(set(messages)) == 300)
            listener.wait("hall/cam/result")
            listener.wait("hall/cam/lines", lambda messages: messages and json.loads(messages[-1])["belt"]["in"] == 300)
    assert [json.loads(event)["index"] for event in dict.fromkeys(events)] == list(range(300))
    assert recovered < 10
    assert status.figures().sink_drops == {}
    assert [record.message for record in caplog.records if "is not connected" in record.message]
    assert [record.message for record in caplog.records if "is connected again" in record.message]


def test_waiting_events_are_bounded_and_dropped_ones_are_counted(monkeypatch):
    monkeypatch.setattr(connection_module, "_MAX_WAITING", 50)
    status = Status()
    address = Address.parse("mqtt://127.0.0.1:9/x")
    with MqttSink(address, description(), status) as sink:
        for index in range(200):
            sink.notify(crossed(index=index))
        assert sink.connection.waiting == 50
    assert status.figures().sink_drops == {"mqtt": 150}


@needs_broker
def test_a_broker_that_stops_reading_does_not_delay_the_run(broker, monkeypatch):
    monkeypatch.setattr(sink_module, "_RESULT_PAUSE", 0.0)
    monkeypatch.setattr(connection_module, "_LAST_MESSAGE_SECONDS", 0.2)
    status = Status()
    with connect(broker, status=status) as sink:
        wait_until(lambda: sink.connection.connected)
        broker.process.send_signal(signal.SIGSTOP)
        assert slowest_publishing(sink, 3000) < 0.1
        assert sink.connection.waiting <= connection_module._MAX_WAITING + 20
        assert status.figures().sink_drops["mqtt"] > 1000
        broker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: sink.connection.waiting == 0)


def test_lines_count_crossings_that_have_no_event(monkeypatch):
    published = []
    monkeypatch.setattr(MqttSink, "_publish_retained", lambda self, name, payload: published.append((name, payload)))
    watched = SceneSettings(lines=(Line.parse("belt=0.5,0,0.5,1"),), every=60.0)
    selection = ResultSelection(DETECTOR)
    observer = SceneObserver(watched, selection, live=True)
    broker = Address.parse("mqtt://localhost/hall/cam")
    (sink,) = make_sinks(RunSettings(), FakeCamera([]), Status(), selection, Stop(), broker=broker, scene=observer)
    kinds = []
    for index, x in enumerate(range(100, 540, 20)):
        boxes = np.array([(x - 30, y, x + 30, y + 60) for y in (20, 180, 340)], np.float32)
        found = Detections(boxes, np.full(3, 0.9, np.float32), np.zeros(3, int), ("bolt",) * 3, (640, 480))
        observation, events = observer(observed(Frame(solid(2), 10 + index / 25, index), found))
        sink.write(observed(frame(index), observation.result))
        for event in events:
            sink.notify(event)
            kinds.append(event.kind)
    assert kinds == ["crossed"], "two more crossings come too soon after it"
    counts = [payload for name, payload in published if name == "lines"]
    assert counts[-1] == {"belt": {"in": 0, "out": 3}}


def test_a_missing_package_is_an_error_with_the_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    for module in ("client", "connection"):
        monkeypatch.delitem(sys.modules, f"edgetl.device.sinks.mqtt.{module}", raising=False)
    with pytest.raises(EdgetlError, match="paho") as caught:
        MqttSink(Address.parse("mqtt://localhost"), description(), Status())
    assert caught.value.remedy == install_command("mqtt")


def test_a_run_without_mqtt_does_not_need_paho(bundle, film):
    script = "import sys; sys.modules['paho'] = None; from edgetl.cli.run import run; run.main(sys.argv[1:])"
    command = [sys.executable, "-c", script, str(bundle), "--source", str(film), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*command, "--mqtt", "mqtt://localhost"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert install_command("mqtt") in done.stderr

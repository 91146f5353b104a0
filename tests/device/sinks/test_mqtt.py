from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import jinja2
import numpy as np
import pytest
from fakes import FakeCamera, observed, solid
from load import unhindered

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.observer import SceneObserver
from edgetl.device.run.outputs import make_sinks
from edgetl.device.run.scene_settings import SceneSettings
from edgetl.device.run.settings import RunSettings
from edgetl.device.sinks.mqtt import sink as mqtt_module
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.discovery import MOST_CLASSES, Described, discovery
from edgetl.device.sinks.mqtt.sink import Mqtt
from edgetl.device.stages import Timings
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import EdgetlError, UsageError
from edgetl.install import install_command
from edgetl.vision.results import Classification, Detections
from edgetl.vision.zones import Line

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
RUN = [sys.executable, "-c", "import sys; from edgetl.cli.run import run; run.main(sys.argv[1:])"]
CLASSES = ((0, "bolt"), (1, 'a "nut" }}'))

needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")


def finds(*labels):
    count = len(labels)
    ids = np.array([[label for _, label in CLASSES].index(label) for label in labels], np.int64)
    boxes = np.tile(np.array((1, 2, 30, 40), np.float32), (count, 1))
    return Detections(boxes, np.full(count, 0.9, np.float32), ids, labels, (64, 48), np.arange(count) + 1)


def says(*labels):
    return Classification(np.arange(len(labels)), np.full(len(labels), 0.9, np.float32), labels)


def frame(index=0):
    return Frame(solid(2), time.monotonic(), index)


def described(task="detection", prefix="hall/cam", classes=CLASSES, lines=("belt",)):
    return Described("parts", task, classes, lines, prefix)


def crossed(direction="in", index=3):
    facts = {"line": "belt", "direction": direction, "label": "bolt", "class_id": 0, "track": 7}
    return Event("crossed", time.monotonic(), f"bolt 7 crossed belt, {direction}", index, facts)


class Broker:
    """A mosquitto of its own on loopback, that can be killed and started again."""

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
        until = time.monotonic() + 10
        while time.monotonic() < until:
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


@pytest.fixture
def brokers(tmp_path):
    """Starts brokers: call it with lines of configuration."""
    started = []

    def start(*lines):
        folder = tmp_path / f"broker{len(started)}"
        folder.mkdir()
        started.append(Broker(folder, *lines))
        return started[-1]

    yield start
    for broker in started:
        broker.process.send_signal(signal.SIGCONT)
        broker.kill()


@pytest.fixture
def broker(brokers):
    return brokers()


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
        """The payloads of a topic once they are as wanted."""
        until = time.monotonic() + seconds
        while not holds(self.of(topic)):
            assert time.monotonic() < until, (topic, self.got)
            time.sleep(0.02)
        return self.of(topic)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


def connect(broker, task="detection", status=None):
    return Mqtt(Address.parse(broker.url), described(task), status or Status())


def wait_until(holds, seconds=15.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


@needs_broker
def test_birth_results_events_and_goodbye(broker, monkeypatch):
    monkeypatch.setattr(mqtt_module, "_PAUSE", 0.0)
    with Listener(broker.port) as listener:
        with connect(broker) as sink:
            listener.wait("hall/cam/status")
            sink.write(observed(frame(0), finds("bolt")))
            sink.write(observed(frame(1), finds("bolt")))
            sink.write(observed(frame(2), finds("bolt", "bolt")))
            sink.notify(crossed())
            listener.wait("hall/cam/lines", lambda told: len(told) == 2)
        assert listener.wait("hall/cam/status", lambda told: len(told) == 2) == ["online", "offline"]
        results = [json.loads(payload) for payload in listener.of("hall/cam/result")]
        (event,) = [json.loads(payload) for payload in listener.of("hall/cam/event")]
    assert [(result["index"], result["counts"]) for result in results] == [(0, {"bolt": 1}), (2, {"bolt": 2})]
    assert results[0]["objects"][0]["track"] == 1
    assert (event["event"], event["line"], event["index"]) == ("crossed", "belt", 3)
    assert abs(datetime.fromisoformat(event["time"]).timestamp() - time.time()) < 60
    assert json.loads(listener.of("hall/cam/lines")[-1]) == {"belt": {"in": 1, "out": 0}}


@needs_broker
def test_who_comes_later_finds_the_latest(broker):
    with connect(broker, "classification") as sink:
        wait_until(lambda: sink._connected)
        sink.write(observed(frame(5), says("bolt")))
        wait_until(lambda: sink.waiting == 0)
        with Listener(broker.port) as listener:
            (result,) = listener.wait("hall/cam/result")
            assert listener.wait("hall/cam/status") == ["online"]
            assert listener.wait("hall/cam/figures")
            assert listener.of("hall/cam/event") == []
    assert json.loads(result)["label"] == "bolt"
    assert json.loads(result)["counts"] == {"bolt": 1}


@needs_broker
def test_flicker_is_published_twice_a_second_at_most_and_ends_with_the_truth(broker):
    with Listener(broker.port) as listener, connect(broker, "classification") as sink:
        listener.wait("hall/cam/status")
        start = time.monotonic()
        while time.monotonic() - start < 1.2:
            sink.write(observed(frame(), says("bolt") if int(time.monotonic() * 50) % 2 else says()))
            time.sleep(0.005)
        for _ in range(150):
            sink.write(observed(frame(), says("bolt")))
            time.sleep(0.005)
        told = listener.wait("hall/cam/result", lambda told: told and json.loads(told[-1])["label"] == "bolt")
    assert len(told) <= 5


@needs_broker
def test_last_will_is_seen_when_a_run_is_killed(bundle, broker, mjpeg):
    command = [*RUN, str(bundle), "--source", mjpeg(), "--mqtt", broker.url, "--quiet"]
    with Listener(broker.port) as listener:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        listener.wait("hall/cam/status", seconds=40)
        listener.wait("hall/cam/result")
        assert json.loads(listener.wait("hall/cam/event")[0])["event"] == "recognised"
        process.kill()
        process.wait()
        assert listener.wait("hall/cam/status", lambda told: len(told) == 2) == ["online", "offline"]


@needs_broker
def test_broker_that_is_killed_and_restarted_gets_everything_again(broker, caplog):
    status = Status()
    with connect(broker, status=status) as sink:
        wait_until(lambda: sink._connected)
        sink.write(observed(frame(0), finds("bolt")))
        broker.kill()
        wait_until(lambda: not sink._connected)
        slowest = 0.0
        for index in range(300):
            begin = unhindered()
            sink.write(observed(frame(index), finds(*["bolt"] * (index % 3))))
            sink.notify(crossed(index=index))
            slowest = max(slowest, unhindered() - begin)
        assert slowest < 0.05, "nothing waits for a broker that is away"
        broker.start()
        begin = time.monotonic()
        with Listener(broker.port) as listener:
            assert listener.wait("hall/cam/status") == ["online"]
            recovered = time.monotonic() - begin
            events = listener.wait("hall/cam/event", lambda told: len(set(told)) == 300)
            listener.wait("hall/cam/result")
            assert json.loads(listener.wait("hall/cam/lines")[-1])["belt"]["in"] == 300
    assert [json.loads(event)["index"] for event in dict.fromkeys(events)] == list(range(300))
    assert recovered < 10
    assert status.figures().sink_drops == {}
    assert [record.message for record in caplog.records if "is away" in record.message]
    assert [record.message for record in caplog.records if "is back" in record.message]


@needs_broker
def test_broker_that_starts_after_the_run_is_found(brokers):
    broker = brokers()
    broker.kill()
    with connect(broker) as sink:
        sink.notify(crossed())
        time.sleep(0.5)
        assert not sink._connected
        broker.start()
        with Listener(broker.port) as listener:
            listener.wait("hall/cam/event")


def test_events_that_wait_for_a_broker_are_bounded_and_drops_counted(monkeypatch):
    monkeypatch.setattr(mqtt_module, "_MOST_WAITING", 50)
    status = Status()
    address = Address.parse("mqtt://127.0.0.1:9/x")
    with Mqtt(address, described(), status) as sink:
        for index in range(200):
            sink.notify(crossed(index=index))
        assert sink.waiting == 50
    assert status.figures().sink_drops == {"mqtt": 150}


@needs_broker
def test_broker_that_no_longer_reads_holds_up_nothing(broker, monkeypatch):
    monkeypatch.setattr(mqtt_module, "_PAUSE", 0.0)
    monkeypatch.setattr(mqtt_module, "_GOODBYE", 0.2)
    status = Status()
    with connect(broker, status=status) as sink:
        wait_until(lambda: sink._connected)
        broker.process.send_signal(signal.SIGSTOP)
        slowest = 0.0
        for index in range(3000):
            begin = unhindered()
            sink.write(observed(frame(index), finds(*["bolt"] * (index % 3))))
            sink.notify(crossed(index=index))
            slowest = max(slowest, unhindered() - begin)
        assert slowest < 0.1
        assert sink.waiting <= mqtt_module._MOST_WAITING + 20
        assert status.figures().sink_drops["mqtt"] > 1000
        broker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: sink.waiting == 0)


@needs_broker
def test_no_thread_and_no_descriptor_is_left(broker):
    def alive():
        gc.collect()  # paho's client and its callbacks hold each other
        return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with connect(broker) as sink:
        wait_until(lambda: sink._connected)
    before = alive()
    for _ in range(5):
        with connect(broker) as sink:
            wait_until(lambda: sink._connected)
    assert alive() == before


@needs_broker
def test_password_is_used_and_never_shown(brokers, tmp_path, monkeypatch, caplog):
    passwords = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-b", "-c", str(passwords), "cam", "secret word"]
    subprocess.run(command, check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = brokers("allow_anonymous false", f"password_file {passwords}")
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "secret word")
    url = f"mqtt://cam@127.0.0.1:{broker.port}/hall/cam"
    address = Address.parse(url)
    with Mqtt(address, described(), Status()) as sink:
        wait_until(lambda: sink._connected)
        assert "secret" not in repr(address) + str(address)
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "wrong secret")
    with Mqtt(Address.parse(url), described(), Status()):
        wait_until(lambda: "refuses us" in caplog.text)
    assert "secret" not in caplog.text
    assert "Not authorized" in caplog.text


@needs_broker
def test_tls_checks_the_brokers_certificate(brokers, tmp_path, caplog):
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(ca)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o644)
    broker = brokers(f"certfile {ca}", f"keyfile {key}")
    url = broker.url.replace("mqtt://", "mqtts://")
    with Mqtt(Address.parse(url, ca=ca), described(), Status()) as sink:
        wait_until(lambda: sink._connected)
    with Mqtt(Address.parse(url), described(), Status()) as sink:
        wait_until(lambda: "is away" in caplog.text)
        assert not sink._connected
    assert "certificate is refused" in caplog.text
    assert "--mqtt-ca" in caplog.text


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_broker_that_cant_be_reached_is_told_with_the_reason(caplog, scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}/hall"
        with Mqtt(Address.parse(url), described(), Status()):
            wait_until(lambda: "is away" in caplog.text)
    assert "no program listens" in caplog.text


def test_a_broker_that_speaks_no_tls_is_told(caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(
            target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), daemon=True
        ).start()
        url = f"mqtts://127.0.0.1:{server.getsockname()[1]}/hall"
        with Mqtt(Address.parse(url), described(), Status()):
            wait_until(lambda: "is away" in caplog.text)
    assert "TLS can't be spoken" in caplog.text


@pytest.mark.slow
def test_a_broker_that_hangs_up_or_says_nothing_is_told_by_the_end_of_the_run(caplog):
    def hang_up():
        with suppress(OSError):
            while True:
                server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}/hall")
        with Mqtt(address, described(), Status()) as sink:  # nobody accepts yet
            sink.notify(crossed())
        assert "1 messages" in caplog.text
        caplog.clear()
        threading.Thread(target=hang_up, daemon=True).start()
        with Mqtt(address, described(), Status()):
            wait_until(lambda: "is away" in caplog.text)


def test_a_broker_that_comes_and_goes_does_not_fill_the_log(caplog):
    sink = Mqtt(Address.parse("mqtt://127.0.0.1:9/hall"), described(), Status())
    for _ in range(5):
        sink._say_away("the connection is lost")
        sink._told_away = ""  # it was back
    sink._say_away("no program listens at that port")
    assert len(caplog.records) == 2


def test_a_packet_of_256_mb_is_never_read(caplog):
    def serve():
        connection = server.accept()[0]
        connection.recv(1000)
        with suppress(OSError):
            connection.sendall(b"\x20\x02\0\0" + b"\x30\xff\xff\xff\x7f" + b"\0" * 100_000)
            while connection.recv(1 << 16):
                pass
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        tracemalloc.start()
        try:
            with Mqtt(Address.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}/hall"), described(), Status()):
                wait_until(lambda: "too long" in caplog.text)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 10 << 20


@needs_broker
def test_home_assistant_is_told_over_the_broker(broker):
    with connect(broker) as sink:
        wait_until(lambda: sink._connected and sink.waiting == 0)
        with Listener(broker.port) as listener:
            listener.wait("hall/cam/status")
            told = {topic: (json.loads(payload), kept) for topic, payload, kept in listener.got if "/config" in topic}
    assert set(told) == {topic for topic, _ in discovery(described())}
    assert all(kept for _, kept in told.values())


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_discovery_has_the_keys_that_home_assistant_wants(task):
    told = {topic: json.loads(payload) for topic, payload in discovery(described(task))}
    assert len({config["unique_id"] for config in told.values()}) == len(told)
    for topic, config in told.items():
        root, component, node, key, last = topic.split("/")
        assert (root, last) == ("homeassistant", "config")
        assert component in ("sensor", "binary_sensor")
        assert all(letter.isalnum() or letter in "_-" for letter in node + key)
        assert config["state_topic"].startswith("hall/cam/")
        assert config["availability_topic"] == "hall/cam/status"
        assert config["name"]
        assert config["unique_id"] == f"{node}_{key}"
        assert config["device"]["identifiers"] == [node]
        assert {"name", "manufacturer", "model", "sw_version"} <= set(config["device"])
        assert config["origin"]["name"] == "edgetl"
    components = {topic.split("/")[3]: topic.split("/")[1] for topic in told}
    assert components["class_1"] == ("sensor" if task == "detection" else "binary_sensor")
    assert ("label" in components) == (task == "classification")
    assert {"line_0_in", "line_0_out", "fps", "age", "camera"} <= set(components)


def read(task, key, topic, payload):
    """What Home Assistant makes of a payload for one of the entities."""
    config = next(json.loads(told) for name, told in discovery(described(task)) if name.split("/")[3] == key)
    assert config["state_topic"] == f"hall/cam/{topic}"
    return jinja2.Template(config["value_template"]).render(value_json=json.loads(json.dumps(payload)))


@pytest.mark.parametrize(("objects", "bolts", "nuts"), [([], "0", "0"), (["bolt"] * 2 + [CLASSES[1][1]], "2", "1")])
def test_templates_read_what_a_detectors_run_publishes(objects, bolts, nuts):
    sink = Mqtt(Address.parse("mqtt://localhost/hall/cam"), described(), Status())
    sink.write(observed(frame(), finds(*objects)))
    assert read("detection", "class_0", "result", sink._result) == bolts
    assert read("detection", "class_1", "result", sink._result) == nuts
    sink.notify(crossed("out"))
    assert read("detection", "line_0_out", "lines", sink._lines) == "1"
    assert read("detection", "line_0_in", "lines", sink._lines) == "0"


@pytest.mark.parametrize(
    "name",
    [
        "\U0001f600 happy",
        "a/b",
        "a+b",
        "#1",
        'say "hi"',
        "back\\slash",
        "it's",
        "}} {% raw %}",
        "größe",
        "日本",
        "\x85",
    ],
)
def test_templates_read_names_of_any_letters(name):
    told = described(classes=((0, name),), lines=(name,))
    configs = {topic.split("/")[3]: json.loads(payload) for topic, payload in discovery(told)}
    sent = json.loads(mqtt_module.json_text({"counts": {name: 3}, name: {"in": 4, "out": 5}}))
    shown = {
        key: jinja2.Template(configs[key]["value_template"]).render(value_json=sent)
        for key in ("class_0", "line_0_out")
    }
    assert shown == {"class_0": "3", "line_0_out": "5"}
    assert configs["class_0"]["name"] == name


def test_templates_read_what_a_classifiers_run_publishes():
    status = Status()
    sink = Mqtt(Address.parse("mqtt://localhost/hall/cam"), described("classification"), status)
    sink.write(observed(frame(), says("bolt")))
    assert read("classification", "label", "result", sink._result) == "bolt"
    assert read("classification", "class_0", "result", sink._result) == "ON"
    assert read("classification", "class_1", "result", sink._result) == "OFF"
    sink._next_result = 0.0
    sink.write(observed(frame(), says()))
    assert read("classification", "label", "result", sink._result) == "nothing"
    assert read("classification", "class_0", "result", sink._result) == "OFF"
    assert read("classification", "camera", "figures", sink._figures()) == "OFF"
    status.frame_arrived(time.monotonic())
    status.observed(observed(frame(), says(), Timings(1.0, 2.0, 1.0), 12.0))
    assert read("classification", "age", "figures", sink._figures()) == "12.0"
    assert read("classification", "camera", "figures", sink._figures()) == "ON"
    assert float(read("classification", "fps", "figures", sink._figures())) >= 0


DETECTOR = ModelCard("parts", "detection", ("bolt",), InputSpec(32, 32), decoding=DetectorDecoding((8,), (0.5,)))


def test_lines_count_what_no_event_tells_of(monkeypatch):
    published = []
    monkeypatch.setattr(Mqtt, "_publish_latest", lambda self, name, payload: published.append((name, payload)))
    watched = SceneSettings(lines=(Line.parse("belt=0.5,0,0.5,1"),), every=60.0)
    selection = ResultSelection(DETECTOR)
    observer = SceneObserver(watched, selection, live=True)
    broker = Address.parse("mqtt://localhost/hall/cam")
    (sink,) = make_sinks(RunSettings(), FakeCamera([]), Status(), selection, Stop(), broker=broker, scene=observer)
    told = []
    for index, x in enumerate(range(100, 540, 20)):
        boxes = np.array([(x - 30, y, x + 30, y + 60) for y in (20, 180, 340)], np.float32)
        found = Detections(boxes, np.full(3, 0.9, np.float32), np.zeros(3, int), ("bolt",) * 3, (640, 480))
        observation, events = observer(observed(Frame(solid(2), 10 + index / 25, index), found))
        sink.write(observed(frame(index), observation.result))
        for event in events:
            sink.notify(event)
            told.append(event.kind)
    assert told == ["crossed"], "the other two came too soon after it"
    counts = [payload for name, payload in published if name == "lines"]
    assert counts[-1] == {"belt": {"in": 0, "out": 3}}


def test_ids_are_stable_and_tell_cameras_apart():
    assert described().node == described(task="classification").node
    assert described().node != described(prefix="cellar").node
    assert described().node != Described("other", "detection", CLASSES, (), "hall/cam").node


def test_model_of_a_thousand_classes_floods_nobody():
    many = tuple((i, f"class {i}") for i in range(MOST_CLASSES + 1))
    assert len(list(discovery(described("classification", classes=many)))) < 10


def test_class_keeps_its_entity_when_fewer_are_looked_for():
    all_told = dict(discovery(described(classes=CLASSES)))
    few = dict(discovery(described(classes=CLASSES[1:])))
    topic = next(topic for topic in few if "class_" in topic)
    assert few[topic] == all_told[topic]


def test_addresses():
    address = Address.parse("mqtts://cam:pa%40ss@broker.lan/upstairs/hall/")
    assert (address.host, address.port, address.tls) == ("broker.lan", 8883, True)
    assert (address.prefix, address.user, address.password) == ("upstairs/hall", "cam", "pa@ss")
    assert str(address) == "mqtts://broker.lan:8883/upstairs/hall"
    address = Address.parse("mqtt://[::1]:1999")
    assert (address.host, address.port, address.tls, address.prefix) == ("::1", 1999, False, "edgetl")


def test_where_the_password_comes_from(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text("from file\n")
    url = "mqtt://cam:from-url@localhost"
    assert Address.parse(url).password == "from-url"
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "from environment")
    assert Address.parse(url).password == "from environment"
    assert Address.parse(url, password_file=file).password == "from file"
    with pytest.raises(UsageError, match="can't be read") as caught:
        Address.parse(url, password_file=tmp_path / "missing")
    assert "from" not in str(caught.value).replace("can't be read", "")
    assert len(Address.parse(url, password_file=Path("/dev/zero")).password) < 10_000


@pytest.mark.parametrize(
    "url",
    [
        "localhost", "http://u:secret@localhost", "mqtt://", "mqtt://u:secret@", "mqtt://u:secret@localhost:port",
        "mqtt://u:secret@localhost:99999", "mqtt://u:secret@localhost/a/#", "mqtt://u:secret@localhost/a//b",
        "mqtt://u:secret@localhost/+", "mqtt://u:secret@[::1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_without_the_password(url):
    with pytest.raises(UsageError) as caught:
        Address.parse(url)
    assert "mqtt://user@host:1883/prefix" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_certificates_are_for_tls_only_and_must_be_there(tmp_path):
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(UsageError, match="mqtts:// only"):
        Address.parse("mqtt://localhost", ca=tmp_path / "ca.pem")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(UsageError, match="can't be read"):
            Address.parse("mqtts://localhost", ca=tmp_path / name)


def test_missing_package_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    monkeypatch.delitem(sys.modules, "edgetl.device.sinks.mqtt.client", raising=False)
    with pytest.raises(EdgetlError, match="paho") as caught:
        Mqtt(Address.parse("mqtt://localhost"), described(), Status())
    assert caught.value.remedy == install_command("mqtt")


def test_a_run_without_mqtt_needs_no_paho(bundle, film):
    script = "import sys; sys.modules['paho'] = None; from edgetl.cli.run import run; run.main(sys.argv[1:])"
    command = [sys.executable, "-c", script, str(bundle), "--source", str(film), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*command, "--mqtt", "mqtt://localhost"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert install_command("mqtt") in done.stderr

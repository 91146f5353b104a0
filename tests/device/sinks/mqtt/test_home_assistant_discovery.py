"""The description of a camera for Home Assistant."""

from __future__ import annotations

import json
import time

import jinja2
import pytest
from fakes import observed
from mqtt_brokers import (
    CLASSES,
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

from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.home_assistant_discovery import MAX_CLASSES, CameraDescription, discovery
from edgetl.device.sinks.mqtt.sink import MqttSink
from edgetl.device.stages import Timings
from edgetl.device.status import Status
from edgetl.text import json_text


@needs_broker
def test_discovery_messages_are_published_retained(broker):
    with connect(broker) as sink:
        wait_until(lambda: sink.connection.connected and sink.connection.waiting == 0)
        with Listener(broker.port) as listener:
            listener.wait("hall/cam/status")
            messages = {topic: (payload, retained) for topic, payload, retained in listener.got if "/config" in topic}
    assert set(messages) == {topic for topic, _ in discovery(description())}
    assert all(retained for _, retained in messages.values())


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_discovery_messages_have_the_keys_that_home_assistant_needs(task):
    messages = {topic: json.loads(payload) for topic, payload in discovery(description(task))}
    assert len({config["unique_id"] for config in messages.values()}) == len(messages)
    for topic, config in messages.items():
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
    components = {topic.split("/")[3]: topic.split("/")[1] for topic in messages}
    assert components["class_1"] == ("sensor" if task == "detection" else "binary_sensor")
    assert ("label" in components) == (task == "classification")
    assert {"line_0_in", "line_0_out", "fps", "age", "camera"} <= set(components)


def rendered(task, key, topic, payload):
    """Returns the value that Home Assistant shows for one of the entities after a message."""
    config = next(json.loads(payload) for name, payload in discovery(description(task)) if name.split("/")[3] == key)
    assert config["state_topic"] == f"hall/cam/{topic}"
    return jinja2.Template(config["value_template"]).render(value_json=json.loads(json.dumps(payload)))


@pytest.mark.parametrize(("objects", "bolts", "nuts"), [([], "0", "0"), (["bolt"] * 2 + [CLASSES[1][1]], "2", "1")])
def test_templates_read_the_messages_of_a_detector(objects, bolts, nuts):
    sink = MqttSink(Address.parse("mqtt://localhost/hall/cam"), description(), Status())
    sink.write(observed(frame(), detections(*objects)))
    assert rendered("detection", "class_0", "result", sink._result) == bolts
    assert rendered("detection", "class_1", "result", sink._result) == nuts
    sink.notify(crossed("out"))
    assert rendered("detection", "line_0_out", "lines", sink._lines) == "1"
    assert rendered("detection", "line_0_in", "lines", sink._lines) == "0"


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
def test_templates_read_labels_with_any_characters(name):
    camera = description(classes=((0, name),), lines=(name,))
    configs = {topic.split("/")[3]: json.loads(payload) for topic, payload in discovery(camera)}
    sent = json.loads(json_text({"counts": {name: 3}, name: {"in": 4, "out": 5}}))
    shown = {
        key: jinja2.Template(configs[key]["value_template"]).render(value_json=sent)
        for key in ("class_0", "line_0_out")
    }
    assert shown == {"class_0": "3", "line_0_out": "5"}
    assert configs["class_0"]["name"] == name


def test_templates_read_the_messages_of_a_classifier():
    status = Status()
    sink = MqttSink(Address.parse("mqtt://localhost/hall/cam"), description("classification"), status)
    sink.write(observed(frame(), classification("bolt")))
    assert rendered("classification", "label", "result", sink._result) == "bolt"
    assert rendered("classification", "class_0", "result", sink._result) == "ON"
    assert rendered("classification", "class_1", "result", sink._result) == "OFF"
    sink._next_result = 0.0
    sink.write(observed(frame(), classification()))
    assert rendered("classification", "label", "result", sink._result) == "nothing"
    assert rendered("classification", "class_0", "result", sink._result) == "OFF"
    assert rendered("classification", "camera", "figures", sink._figures()) == "OFF"
    status.frame_arrived(time.monotonic())
    status.observed(observed(frame(), classification(), Timings(1.0, 2.0, 1.0), 12.0))
    assert rendered("classification", "age", "figures", sink._figures()) == "12.0"
    assert rendered("classification", "camera", "figures", sink._figures()) == "ON"
    assert float(rendered("classification", "fps", "figures", sink._figures())) >= 0


def test_ids_are_stable_and_differ_between_cameras():
    assert description().node == description(task="classification").node
    assert description().node != description(prefix="cellar").node
    assert description().node != CameraDescription("other", "detection", CLASSES, (), "hall/cam").node


def test_a_model_with_many_classes_has_no_entity_for_each_class():
    many = tuple((i, f"class {i}") for i in range(MAX_CLASSES + 1))
    assert len(list(discovery(description("classification", classes=many)))) < 10


def test_a_class_keeps_its_entity_when_fewer_classes_are_chosen():
    every_message = dict(discovery(description(classes=CLASSES)))
    few = dict(discovery(description(classes=CLASSES[1:])))
    topic = next(topic for topic in few if "class_" in topic)
    assert few[topic] == every_message[topic]

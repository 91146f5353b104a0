"""Describes a camera to Home Assistant over MQTT, so that its entities appear there without configuration.

The format is documented at https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
"""

from __future__ import annotations

import hashlib
import platform
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from edgetl.text import json_text

MAX_CLASSES = 100
"""A model with more classes gets no entity for each class: a thousand entities would flood Home Assistant."""
_MACHINE_ID = Path("/etc/machine-id")

_Entity = tuple[Literal["sensor", "binary_sensor"], str, Mapping[str, object]]
"""An entity: its component, its key within the camera, and the part of its configuration that is its own."""


@dataclass(frozen=True, slots=True)
class CameraDescription:
    """A camera, as Home Assistant shows it.

    Attributes:
        model: the model's name.
        task: the model's task.
        classes: the classes that the run reports, each with its column among the model's outputs and its label.
        lines: the names of the lines across which objects are counted.
        prefix: the prefix of the camera's topics.
    """

    model: str
    task: Literal["classification", "detection"]
    classes: tuple[tuple[int, str], ...]
    lines: tuple[str, ...]
    prefix: str

    @property
    def node(self) -> str:
        """The camera's id: the same in every run of a machine, a model and a prefix; it reveals none of the three."""
        own = f"edgetl {_machine_id()} {self.model} {self.prefix}"
        return f"edgetl_{hashlib.sha256(own.encode(errors='surrogatepass')).hexdigest()[:16]}"


def discovery(camera: CameraDescription, root: str = "homeassistant") -> Iterator[tuple[str, str]]:
    """Yields the (topic, payload) of each entity, to be published retained.

    Args:
        camera: the camera to describe.
        root: the first level of Home Assistant's discovery topics.
    """
    node, prefix = camera.node, camera.prefix
    release = version("edgetl")
    common: dict[str, object] = {
        "availability_topic": f"{prefix}/status",
        "device": {
            "identifiers": [node],
            "name": f"{camera.model} on {platform.node()}",
            "manufacturer": "edgetl",
            "model": camera.model,
            "sw_version": release,
        },
        "origin": {"name": "edgetl", "sw_version": release},
    }
    for component, key, own in _entities(camera):
        yield f"{root}/{component}/{node}/{key}/config", json_text({"unique_id": f"{node}_{key}", **own, **common})


def _entities(camera: CameraDescription) -> Iterator[_Entity]:
    yield from _classes(camera)
    yield from _lines(camera)
    figures = {"state_topic": f"{camera.prefix}/figures", "entity_category": "diagnostic"}
    measured = figures | {"state_class": "measurement"}
    yield "sensor", "fps", measured | {"name": "FPS", "unit_of_measurement": "FPS", "value_template": _value("fps")}
    yield "sensor", "age", measured | {"name": "age", "unit_of_measurement": "ms", "value_template": _value("age_ms")}
    connected = {"device_class": "connectivity", "value_template": _on("value_json.connected")}
    yield "binary_sensor", "camera", figures | {"name": "camera"} | connected


def _classes(camera: CameraDescription) -> Iterator[_Entity]:
    topic = {"state_topic": f"{camera.prefix}/result"}
    classifier = camera.task == "classification"
    if classifier:
        yield "sensor", "label", topic | {"name": "label", "value_template": _value("label or 'nothing'")}
    for class_id, label in camera.classes if len(camera.classes) <= MAX_CLASSES else ():
        key, named = f"class_{class_id}", topic | {"name": label}
        count = f"value_json.counts.get({_jinja_literal(label)}, 0)"
        if classifier:
            yield "binary_sensor", key, named | {"value_template": _on(count)}
        else:
            yield "sensor", key, named | {"value_template": f"{{{{ {count} }}}}", "state_class": "measurement"}


def _lines(camera: CameraDescription) -> Iterator[_Entity]:
    topic = {"state_topic": f"{camera.prefix}/lines", "state_class": "total_increasing"}
    for i, line in enumerate(camera.lines):
        for direction in ("in", "out"):
            template = f"{{{{ value_json[{_jinja_literal(line)}]['{direction}'] }}}}"
            yield "sensor", f"line_{i}_{direction}", topic | {"name": f"{line} {direction}", "value_template": template}


def _jinja_literal(text: str) -> str:
    r"""Returns a text as a string literal of a Jinja template, the language of Home Assistant's templates.

    Jinja reads JSON's escapes, but not a surrogate pair as one letter. `json_text` writes such letters unescaped.
    """
    return json_text(text)


def _value(expression: str) -> str:
    return f"{{{{ value_json.{expression} }}}}"


def _on(condition: str) -> str:
    return f"{{{{ 'ON' if {condition} else 'OFF' }}}}"


def _machine_id() -> str:
    try:
        return _MACHINE_ID.read_text(encoding="ascii").strip() or f"{uuid.getnode():x}"
    except (OSError, UnicodeDecodeError):
        return f"{uuid.getnode():x}"

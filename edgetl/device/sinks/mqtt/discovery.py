"""What Home Assistant is told over MQTT, so that a camera and its classes appear there by themselves.

After https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
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

MOST_CLASSES = 100
"""A model of more classes gets no entity for each of them."""
_MACHINE_ID = Path("/etc/machine-id")

_Entity = tuple[Literal["sensor", "binary_sensor"], str, Mapping[str, object]]
"""Of what kind it is, its key and what is its own."""


@dataclass(frozen=True, slots=True)
class Described:
    """What there is to be told of.

    Attributes:
        model: its name.
        task: of the model.
        classes: that are looked for, each its column among the model's outputs and its label.
        lines: the names of those that are counted across.
        prefix: of the camera's topics.
    """

    model: str
    task: Literal["classification", "detection"]
    classes: tuple[tuple[int, str], ...]
    lines: tuple[str, ...]
    prefix: str

    @property
    def node(self) -> str:
        """The camera's own id: always the same for a machine, a model and a prefix, and no secret of any of them."""
        own = f"edgetl {_machine_id()} {self.model} {self.prefix}"
        return f"edgetl_{hashlib.sha256(own.encode(errors='surrogatepass')).hexdigest()[:16]}"


def discovery(described: Described, root: str = "homeassistant") -> Iterator[tuple[str, str]]:
    """Yields the (topic, payload) of each entity, to be published retained.

    Args:
        described: the camera.
        root: of Home Assistant's discovery topics.
    """
    node, prefix = described.node, described.prefix
    release = version("edgetl")
    common: dict[str, object] = {
        "availability_topic": f"{prefix}/status",
        "device": {
            "identifiers": [node],
            "name": f"{described.model} on {platform.node()}",
            "manufacturer": "edgetl",
            "model": described.model,
            "sw_version": release,
        },
        "origin": {"name": "edgetl", "sw_version": release},
    }
    for component, key, own in _entities(described):
        yield f"{root}/{component}/{node}/{key}/config", json_text({"unique_id": f"{node}_{key}", **own, **common})


def _entities(described: Described) -> Iterator[_Entity]:
    yield from _classes(described)
    yield from _lines(described)
    figures = {"state_topic": f"{described.prefix}/figures", "entity_category": "diagnostic"}
    measured = figures | {"state_class": "measurement"}
    yield "sensor", "fps", measured | {"name": "FPS", "unit_of_measurement": "FPS", "value_template": _value("fps")}
    yield "sensor", "age", measured | {"name": "age", "unit_of_measurement": "ms", "value_template": _value("age_ms")}
    connected = {"device_class": "connectivity", "value_template": _on("value_json.connected")}
    yield "binary_sensor", "camera", figures | {"name": "camera"} | connected


def _classes(described: Described) -> Iterator[_Entity]:
    topic = {"state_topic": f"{described.prefix}/result"}
    classifier = described.task == "classification"
    if classifier:
        yield "sensor", "label", topic | {"name": "label", "value_template": _value("label or 'nothing'")}
    for class_id, label in described.classes if len(described.classes) <= MOST_CLASSES else ():
        key, named = f"class_{class_id}", topic | {"name": label}
        count = f"value_json.counts.get({_literal(label)}, 0)"
        if classifier:
            yield "binary_sensor", key, named | {"value_template": _on(count)}
        else:
            yield "sensor", key, named | {"value_template": f"{{{{ {count} }}}}", "state_class": "measurement"}


def _lines(described: Described) -> Iterator[_Entity]:
    topic = {"state_topic": f"{described.prefix}/lines", "state_class": "total_increasing"}
    for i, line in enumerate(described.lines):
        for direction in ("in", "out"):
            template = f"{{{{ value_json[{_literal(line)}]['{direction}'] }}}}"
            yield "sensor", f"line_{i}_{direction}", topic | {"name": f"{line} {direction}", "value_template": template}


def _literal(text: str) -> str:
    r"""Returns a text as a string literal of Home Assistant's templates, which are Jinja's.

    Jinja reads JSON's escapes, but not two of them as one letter, so letters beyond U+FFFF stand as they are.
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

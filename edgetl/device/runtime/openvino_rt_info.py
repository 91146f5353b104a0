"""What an OpenVINO IR says of itself: edgetl's card, or the `model_info` of OpenVINO Model API.

Both are in the runtime info at the end of the `.xml`, see `edgetl.host.convert.openvino.metadata`, which writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from edgetl.errors import ModelError
from edgetl.files import read_regular
from edgetl.wrong_file import wrong_file

Ending = Literal["sigmoid", "softmax", ""]
"""The operation that makes a classifier's scores; empty where it is another one."""

CARD = ("edgetl", "card")
"""Where the card is, as JSON."""
MODEL_INFO = "model_info"

_TRUE = ("yes", "true", "1")
_LARGEST_XML = 1 << 26
"""An IR's `.xml` may have at most this many bytes; weights are in its `.bin`, and large networks have a hundredth."""
_PASSING = ("Convert", "FakeQuantize", "Reshape", "Squeeze", "Unsqueeze")
_ENDINGS: dict[str, Ending] = {"Sigmoid": "sigmoid", "SoftMax": "softmax", "Softmax": "softmax"}


@dataclass(frozen=True, slots=True)
class Info:
    """An IR's runtime info.

    Attributes:
        card: edgetl's, as JSON; empty where there is none.
        model: what Model API reads, by its names there; empty where there is nothing.
        ending: the operation that makes the scores of a classifier.
    """

    card: str = ""
    model: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = ""

    def flag(self, name: str) -> bool:
        """Returns a setting of Model API's that is yes or no; no where it isn't there."""
        return self.model.get(name, "").lower() in _TRUE

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """Returns a setting of Model API's that is a number for each channel; () where it isn't there, None for others.

        One number stands for every channel.
        """
        try:
            values = tuple(map(float, self.model.get(name, "").split()))
        except ValueError:
            return None
        if not all(map(math.isfinite, values)) or len(values) not in (0, 1, 3):
            return None
        return values * 3 if len(values) == 1 else values


def read_info(path: Path) -> Info:
    """Reads an IR's runtime info.

    Args:
        path: the `.xml`.

    Raises:
        ModelError: it is no IR.
    """
    remedy = "name the .xml of an OpenVINO IR, with its .bin beside it"
    content = b""
    try:
        content = read_regular(path, _LARGEST_XML)
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, OSError, ValueError) as error:
        other = wrong_file(content)
        if other:
            raise ModelError(other[0], where=str(path), remedy=other[1]) from error
        raise ModelError(f"no OpenVINO IR, or a damaged one: {error}", where=str(path), remedy=remedy) from error
    if root.tag != "net":
        raise ModelError(f"no OpenVINO IR: the XML is a {root.tag!r}", where=str(path), remedy=remedy)
    found = root.find("rt_info")
    parts = {} if found is None else {part.tag: part for part in found}
    values = {name: {e.tag: e.get("value", "") for e in parts[name]} for name in (CARD[0], MODEL_INFO) if name in parts}
    return Info(values.get(CARD[0], {}).get(CARD[1], ""), values.get(MODEL_INFO, {}), _ending(root))


def _ending(root: Element) -> Ending:
    """Finds the operation that makes the one result of a graph, through those that only pass scores on."""
    kinds = {layer.get("id"): layer.get("type") for layer in root.iterfind("layers/layer")}
    # The port 0 of these operations takes the scores; other ports take shapes and ranges.
    sources = {e.get("to-layer"): e.get("from-layer") for e in root.iterfind("edges/edge") if e.get("to-port") == "0"}
    results = [layer for layer, kind in kinds.items() if kind == "Result"]
    layer = sources.get(results[0]) if len(results) == 1 else None
    for _ in kinds:  # a damaged graph may go round in circles
        if kinds.get(layer) not in _PASSING:
            break
        layer = sources.get(layer)
    return _ENDINGS.get(kinds.get(layer) or "", "")

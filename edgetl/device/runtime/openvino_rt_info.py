"""The metadata of an OpenVINO IR: edgetl's card, or the `model_info` of OpenVINO Model API.

Both are in the element `rt_info` at the end of the `.xml` file; `edgetl.host.convert.openvino.metadata` writes them.
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
"""The operation at the end of a classifier's graph that makes the scores; empty for any other operation."""

CARD = ("edgetl", "card")
"""The elements within `rt_info` that lead to the card, which is JSON."""
MODEL_INFO = "model_info"
"""The element within `rt_info` that OpenVINO Model API reads."""

_TRUE = ("yes", "true", "1")
_LARGEST_XML = 1 << 26
"""An IR's `.xml` may have at most this many bytes; that of a large network has a hundredth, as weights are in its
`.bin`."""
_PASSING = ("Convert", "FakeQuantize", "Reshape", "Squeeze", "Unsqueeze")
"""Operations that leave the meaning of a score unchanged."""
_ENDINGS: dict[str, Ending] = {"Sigmoid": "sigmoid", "SoftMax": "softmax", "Softmax": "softmax"}


@dataclass(frozen=True, slots=True)
class Info:
    """The metadata of an IR.

    Attributes:
        card: edgetl's model card as JSON; empty if the file has none.
        model: the settings of OpenVINO Model API by their names; empty if the file has none.
        ending: the operation that makes the scores of a classifier.
    """

    card: str = ""
    model: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = ""

    def flag(self, name: str) -> bool:
        """Returns a yes-or-no setting of Model API; a missing one is no."""
        return self.model.get(name, "").lower() in _TRUE

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """Returns a setting of Model API that is one number for each of three channels.

        Returns:
            Three numbers, where a single one in the file holds for every channel; () if the setting is missing; None
            if it isn't one or three finite numbers.
        """
        try:
            values = tuple(map(float, self.model.get(name, "").split()))
        except ValueError:
            return None
        if not all(map(math.isfinite, values)) or len(values) not in (0, 1, 3):
            return None
        return values * 3 if len(values) == 1 else values


def read_info(path: Path) -> Info:
    """Reads the metadata of an IR.

    Args:
        path: the `.xml` file.

    Raises:
        ModelError: the file is no IR.
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
    rt_info = root.find("rt_info")
    parts = {} if rt_info is None else {part.tag: part for part in rt_info}
    values = {name: {e.tag: e.get("value", "") for e in parts[name]} for name in (CARD[0], MODEL_INFO) if name in parts}
    return Info(values.get(CARD[0], {}).get(CARD[1], ""), values.get(MODEL_INFO, {}), _ending(root))


def _ending(root: Element) -> Ending:
    """Finds the operation that makes the only result of a graph, upstream of those in `_PASSING`."""
    kinds = {layer.get("id"): layer.get("type") for layer in root.iterfind("layers/layer")}
    # Scores enter these operations through port 0; other ports take shapes and ranges.
    sources = {e.get("to-layer"): e.get("from-layer") for e in root.iterfind("edges/edge") if e.get("to-port") == "0"}
    results = [layer for layer, kind in kinds.items() if kind == "Result"]
    layer = sources.get(results[0]) if len(results) == 1 else None
    for _ in kinds:  # a damaged graph may have a cycle, so the number of steps is limited
        if kinds.get(layer) not in _PASSING:
            break
        layer = sources.get(layer)
    return _ENDINGS.get(kinds.get(layer) or "", "")

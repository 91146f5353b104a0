"""What an OpenVINO IR says of itself: edgetl's card, or the `model_info` of OpenVINO Model API.

Both are in the runtime info at the end of the `.xml`, see `edgetl.host.convert.openvino_metadata`, which writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from edgetl.errors import ModelError

CARD = ("edgetl", "card")
"""Where the card is, as JSON."""
MODEL_INFO = "model_info"

_TRUE = ("yes", "true", "1")


@dataclass(frozen=True, slots=True)
class Info:
    """An IR's runtime info.

    Attributes:
        card: edgetl's, as JSON; empty where there is none.
        model: what Model API reads, by its names there; empty where there is nothing.
    """

    card: str = ""
    model: Mapping[str, str] = field(default_factory=dict)

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
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise ModelError(f"no OpenVINO IR, or a damaged one: {error}", where=str(path), remedy=remedy) from error
    if root.tag != "net":
        raise ModelError(f"no OpenVINO IR: the XML is a {root.tag!r}", where=str(path), remedy=remedy)
    found = root.find("rt_info")
    parts = {} if found is None else {part.tag: part for part in found}
    values = {name: {e.tag: e.get("value", "") for e in parts[name]} for name in (CARD[0], MODEL_INFO) if name in parts}
    return Info(values.get(CARD[0], {}).get(CARD[1], ""), values.get(MODEL_INFO, {}))

"""Recognises the backbone that a weights file belongs to, by the number and the widths of its depthwise layers."""

from __future__ import annotations

from pathlib import Path

from edgetl.errors import ModelError
from edgetl.host.train.weights.read import read_layers

_DEPTHWISE = {"mobilenet_v1": 13, "mobilenet_v2": 17, "mobilenet_v3_small": 11, "mobilenet_v3_large": 15}
"""The number of depthwise layers of each backbone."""
_WIDTHS = {
    "mobilenet_v1": {0.25: (8, 256), 0.5: (16, 512), 0.75: (24, 768), 1.0: (32, 1024)},
    "mobilenet_v2": {
        **{0.35: (16, 336), 0.5: (16, 480), 0.75: (24, 720)},
        **{1.0: (32, 960), 1.3: (40, 1248), 1.4: (48, 1344)},
    },
    "mobilenet_v3_small": {0.75: (16, 432), 1.0: (16, 576)},
    "mobilenet_v3_large": {0.75: (16, 720), 1.0: (16, 960)},
}
"""The channels of the first and of the last depthwise layer of each backbone, by its width multiplier."""


def recognise_backbone(path: Path) -> tuple[str, float]:
    """Returns the name and the width multiplier of the backbone that a weights file begins with.

    Args:
        path: the `.h5`, `.weights.h5` or `.keras` file; it may have further layers behind the backbone.

    Raises:
        ModelError: the file isn't there, isn't a weights file, or is of none of these backbones.
    """
    channels = [arrays[0].shape[2] for arrays in read_layers(path)["depthwise"] if arrays[0].ndim == 4]
    for name, count in _DEPTHWISE.items():
        for alpha, ends in _WIDTHS[name].items():
            if len(channels) >= count and (channels[0], channels[count - 1]) == ends:
                return name, alpha
    what = "the weights fit none of the backbones that edgetl trains"
    raise ModelError(what, where=str(path), remedy=f"give weights of {', '.join(_DEPTHWISE)}")

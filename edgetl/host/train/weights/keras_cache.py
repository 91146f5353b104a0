"""Finds the ImageNet weights that Keras has downloaded earlier, without loading Keras."""

from __future__ import annotations

import os
from pathlib import Path

_OTHER_SIZE = 224
"""Keras takes the weights of this size if it has none of the input's own, px."""
_SIZES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}
"""The input sizes for which Keras has ImageNet weights, px; the V3 backbones have them for 224 px alone."""
_V1_WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
"""The width multipliers in the names of the files of MobileNet V1."""


def keras_models_folder() -> Path:
    """Returns the folder into which Keras downloads weights."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def cached_imagenet_file(name: str, alpha: float, size: int) -> Path | None:
    """Returns the file of a backbone's ImageNet weights that `--weights imagenet` would load; None if it isn't cached.

    Args:
        name: the backbone's name, a key of `edgetl.host.train.weights.backbones.FAMILIES`.
        alpha: the width multiplier.
        size: the input's height and width, px.
    """
    rows = size if size in _SIZES.get(name, ()) else _OTHER_SIZE
    names = {
        "mobilenet_v1": f"mobilenet_{_V1_WIDTHS.get(alpha)}_{rows}_tf_no_top.h5",
        "mobilenet_v2": f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}_no_top.h5",
        "mobilenet_v3_small": f"weights_mobilenet_v3_small_224_{float(alpha)}_float_no_top_v2.h5",
        "mobilenet_v3_large": f"weights_mobilenet_v3_large_224_{float(alpha)}_float_no_top_v2.h5",
    }
    file = keras_models_folder() / names[name]
    return file if file.is_file() else None

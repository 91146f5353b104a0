"""A network that stands in for a MobileNet, resolved options to assemble it with, and the weights of stored models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def build_small(name: str, alpha: float, height: int, width: int, *, imagenet: bool = False) -> Any:
    """A backbone of three convolutions, in place of a MobileNet where only the training around it is tested."""
    import keras

    layers = keras.layers
    image = keras.Input((height, width, 3))
    x = layers.Conv2D(8, 3, strides=4, padding="same", use_bias=False, name="conv1")(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="conv1_bn")(x))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="conv_dw_1")(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="conv_dw_1_bn")(x))
    x = layers.Conv2D(16, 1, use_bias=False, name="conv_pw_1")(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="conv_pw_1_bn")(x))
    return keras.Model(image, x, name="backbone")


def resolved_classifier(options: Any, counts: Sequence[int] = (500, 500)) -> Any:
    """The options of a classifier's training, resolved for classes of so many photos."""
    from edgetl.host.train.resolve import resolve_classifier, resolve_input
    from edgetl.host.train.weights.source import open_source

    source = open_source(options.weights)
    return resolve_classifier(options, source, resolve_input(options, source, "classification"), counts)


def resolved_detector(options: Any, photos: int = 300) -> Any:
    """The options of a detector's training, resolved for so many photos."""
    from edgetl.host.train.resolve import resolve_detector, resolve_input
    from edgetl.host.train.weights.source import open_source

    source = open_source(options.weights)
    return resolve_detector(options, source, resolve_input(options, source, "detection"), photos)


def weights_of(stored: Any) -> list[np.ndarray]:
    """The weights of a stored model."""
    from edgetl.host.networks.stored import load_keras

    weights: list[np.ndarray] = load_keras(stored).get_weights()
    return weights


def equal(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> bool:
    """Whether two lists of arrays are equal bit for bit."""
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))

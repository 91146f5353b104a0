"""Puts the value scaling before a backbone, and a mean over the places behind it."""

from __future__ import annotations

from edgetl.host.networks.input_range import SCALES, InputRange
from edgetl.host.networks.untyped import Network


def pooled_network(backbone: Network, input_range: InputRange) -> Network:
    """Returns a network from (N, H, W, 3) uint8 pixels to (N, F) pooled features, which shares the backbone's weights.

    Args:
        backbone: a `keras.Model` without top.
        input_range: the range of pixel values that it takes.
    """
    import keras

    scale = keras.layers.Rescaling(*SCALES[input_range], name="scale")
    pixels = keras.Input((*backbone.input_shape[1:3], 3), dtype="uint8", name="image")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(backbone(scale(pixels)))
    network: Network = keras.Model(pixels, pooled, name="features")
    return network

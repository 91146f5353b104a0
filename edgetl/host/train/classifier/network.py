"""A classifier: uint8 pixels, value scaling, backbone, pooling, head, probabilities, all in one graph."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from edgetl.host.networks.scales import SCALES
from edgetl.host.networks.untyped import Network
from edgetl.host.train.classifier.augment import RandomAffine, RandomColor
from edgetl.host.train.options import TrainOptions


@dataclass(frozen=True, slots=True)
class Classifier:
    """The parts of a classifier; they share their weights.

    Attributes:
        model: (N, H, W, 3) uint8 to (N, classes) probabilities: what is stored and converted.
        learner: the same with augmentation in front, active while training.
        features: (N, H, W, 3) uint8 to (N, C) pooled features.
        head: (N, C) features to (N, classes) probabilities.
        backbone: scaled pixels to feature maps.
    """

    model: Network
    learner: Network
    features: Network
    head: Network
    backbone: Network


def assemble(backbone: Network, classes: int, options: TrainOptions) -> Classifier:
    """Puts a head on a backbone and the value scaling under it.

    Args:
        backbone: a `keras.Model` without top.
        classes: columns of the output.
        options: head, dropout, input_range, augment, flip and seed are read.
    """
    height, width = backbone.input_shape[1:3]
    scale, offset = SCALES[options.input_range or "-1..1"]
    rescale = keras.layers.Rescaling(scale, offset, name="scale")
    pool = keras.layers.GlobalAveragePooling2D(name="pool")
    head = _head(backbone.output_shape[-1], classes, options)

    pixels = keras.Input((height, width, 3), dtype="uint8", name="image")
    pooled = pool(backbone(rescale(pixels)))
    augmented = keras.Input((height, width, 3), dtype="uint8", name="image")
    varied = _augment(options)(keras.ops.cast(augmented, keras.config.floatx()))
    return Classifier(
        model=keras.Model(pixels, head(pooled), name="classifier"),
        learner=keras.Model(augmented, head(pool(backbone(rescale(varied)))), name="learner"),
        features=keras.Model(pixels, pooled, name="features"),
        head=head,
        backbone=backbone,
    )


def _head(channels: int, classes: int, options: TrainOptions) -> Network:
    layers = [keras.Input((channels,), name="features")]
    if options.head:
        layers.append(keras.layers.Dense(options.head, activation="relu", name="hidden"))
    layers.append(keras.layers.Dropout(options.dropout, seed=options.seed, name="dropout"))
    # Probabilities stay float32 under mixed precision: a softmax in 16 bits loses the small ones.
    layers.append(keras.layers.Dense(classes, activation="softmax", dtype="float32", name="scores"))
    return keras.Sequential(layers, name="head")


def _augment(options: TrainOptions) -> Network:
    s, seed = options.augment, options.seed
    return keras.Sequential(
        [
            RandomAffine(flip=options.flip and s > 0, rotation=20 * s, zoom=0.35 * s, shift=0.15 * s, seed=seed),
            RandomColor(0.35 * s, seed=seed + 1),
        ],
        name="augment",
    )

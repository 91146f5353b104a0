"""Assembles a classifier: pixels, value scaling, backbone, pooling, head and probabilities in one graph."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from edgetl.host.networks.input_range import SCALES
from edgetl.host.networks.untyped import Network
from edgetl.host.train.classifier.augment import RandomAffine, RandomColor
from edgetl.host.train.resolve import ClassifierOptions


@dataclass(frozen=True, slots=True)
class Classifier:
    """The parts of a classifier, which share their weights.

    Attributes:
        model: maps (N, H, W, 3) uint8 RGB pixels to (N, classes) probabilities, 0..1; it is stored and converted.
        learner: the model with augmentation in front, which is active while training.
        features: maps (N, H, W, 3) uint8 RGB pixels to (N, C) pooled features.
        head: maps (N, C) features to (N, classes) probabilities, 0..1.
        backbone: maps scaled pixels to feature maps.
    """

    model: Network
    learner: Network
    features: Network
    head: Network
    backbone: Network


def assemble(backbone: Network, classes: int, options: ClassifierOptions) -> Classifier:
    """Puts the value scaling before a backbone, and a head behind it.

    Args:
        backbone: a `keras.Model` without top.
        classes: the number of classes.
        options: the resolved options; head, dropout, input_range, augment, flip and seed are read.
    """
    height, width = backbone.input_shape[1:3]
    scale, offset = SCALES[options.input_range]
    rescale = keras.layers.Rescaling(scale, offset, name="scale")
    pool = keras.layers.GlobalAveragePooling2D(name="pool")
    head = _head(backbone.output_shape[-1], classes, options)

    pixels = keras.Input((height, width, 3), dtype="uint8", name="image")
    pooled = pool(backbone(rescale(pixels)))
    unaugmented = keras.Input((height, width, 3), dtype="uint8", name="image")
    augmented = _augment(options)(keras.ops.cast(unaugmented, keras.config.floatx()))
    return Classifier(
        model=keras.Model(pixels, head(pooled), name="classifier"),
        learner=keras.Model(unaugmented, head(pool(backbone(rescale(augmented)))), name="learner"),
        features=keras.Model(pixels, pooled, name="features"),
        head=head,
        backbone=backbone,
    )


def _head(channels: int, classes: int, options: ClassifierOptions) -> Network:
    layers = [keras.Input((channels,), name="features")]
    if options.head:
        layers.append(keras.layers.Dense(options.head, activation="relu", name="hidden"))
    layers.append(keras.layers.Dropout(options.dropout, seed=options.seed, name="dropout"))
    # Probabilities stay float32 under mixed precision: a softmax in 16 bits loses the small ones.
    layers.append(keras.layers.Dense(classes, activation="softmax", dtype="float32", name="scores"))
    head: Network = keras.Sequential(layers, name="head")
    return head


def _augment(options: ClassifierOptions) -> Network:
    s, seed = options.augment, options.seed
    layers: Network = keras.Sequential(
        [
            RandomAffine(flip=options.flip and s > 0, rotation=20 * s, zoom=0.35 * s, shift=0.15 * s, seed=seed),
            RandomColor(0.35 * s, seed=seed + 1),
        ],
        name="augment",
    )
    return layers

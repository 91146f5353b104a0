"""Assembles a detector: pixels, value scaling, backbone, a small pyramid, two branches and raw outputs in one graph.

The detector is anchor-free, after Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019, with
depthwise-separable convolutions as in Sandler et al., "MobileNetV2", 2018. The outputs stay raw and separate: boxes
that are decoded inside the graph lose points of mAP in int8, where one scale would have to serve pixels and
probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import ops

from edgetl.errors import UsageError
from edgetl.host.networks.input_range import SCALES
from edgetl.host.networks.untyped import Layer, Network, Tensor
from edgetl.host.train.classifier.augment import RandomColor
from edgetl.host.train.resolve import DetectorOptions

WIDTH = 64
"""The pyramid's maps have this many channels; the head's work on the device grows with the square of it."""

_BRANCH_CONVOLUTIONS = 2
"""Each branch has this many convolutions before its output; they are most of the head's work on the device."""
_PRIOR = 0.01
"""Every cell begins with this score, 0..1, because nearly all of them see background."""


@dataclass(frozen=True, slots=True)
class Detector:
    """The parts of a detector, which share their weights.

    Attributes:
        model: maps (N, H, W, 3) uint8 RGB pixels to (N, A, classes) logits and (N, A, 4 * bins) raw distances to left,
            top, right and bottom, for A cells level by level and row by row; it is stored and converted.
        learner: the model with colour augmentation in front, which is active while training; its output is
            (N, A, classes + 4 * bins), both outputs side by side, because a Keras loss takes one tensor.
        backbone: maps scaled pixels to feature maps.
    """

    model: Network
    learner: Network
    backbone: Network


def assemble(backbone: Network, classes: int, options: DetectorOptions) -> Detector:
    """Puts the value scaling before a backbone, and a pyramid with two branches behind it.

    Args:
        backbone: a `keras.Model` without top.
        classes: the number of classes.
        options: the resolved options; strides, bins, input_range, augment and seed are read.

    Raises:
        UsageError: the backbone has no map at a stride.
    """
    height, width = backbone.input_shape[1:3]
    scale, offset = SCALES[options.input_range]
    rescale = keras.layers.Rescaling(scale, offset, name="scale")
    taps = keras.Model(backbone.inputs, [_tap(backbone, stride) for stride in options.strides], name="backbone")
    head = _head([tap.shape[1:] for tap in taps.outputs], classes, options.bins)

    pixels = keras.Input((height, width, 3), dtype="uint8", name="image")
    unaugmented = keras.Input((height, width, 3), dtype="uint8", name="image")
    colour = RandomColor(0.35 * options.augment, seed=options.seed + 1)
    augmented = colour(ops.cast(unaugmented, keras.config.floatx()))
    both = keras.layers.Concatenate(name="both", dtype="float32")(head(_list(taps(rescale(augmented)))))
    return Detector(
        model=keras.Model(pixels, head(_list(taps(rescale(pixels)))), name="detector"),
        learner=keras.Model(unaugmented, both, name="learner"),
        backbone=backbone,
    )


def _tap(backbone: Network, stride: int) -> Tensor:
    """Returns the backbone's last map at a stride, px: the deepest one before the next halving."""
    height, width = backbone.input_shape[1:3]
    size = (math.ceil(height / stride), math.ceil(width / stride))
    found = [layer.output for layer in backbone.layers if tuple(layer.output.shape[1:3]) == size]
    if not found:
        remedy = "choose --strides from 4, 8, 16 and 32, and a --size that is a multiple of 32"
        raise UsageError(f"{backbone.name} has no map at stride {stride} of {height} px", remedy=remedy)
    return found[-1]


def _list(maps: Tensor | list[Tensor]) -> list[Tensor]:
    return maps if isinstance(maps, list) else [maps]


def _head(shapes: Sequence[tuple[int, ...]], classes: int, bins: int) -> Network:
    """Returns the layers from the backbone's maps, fine to coarse, to the two outputs."""
    maps = [keras.Input(shape, name=f"map{i}") for i, shape in enumerate(shapes)]
    levels = _pyramid(maps)
    outputs = []
    for name, channels, bias in (("logits", classes, -math.log((1 - _PRIOR) / _PRIOR)), ("distances", 4 * bins, 0.0)):
        initial = keras.initializers.Constant(bias)
        # The outputs stay float32 under mixed precision: 16 bits would round the distances of large boxes.
        last = keras.layers.Conv2D(channels, 1, bias_initializer=initial, dtype="float32", name=name)
        flat = [keras.layers.Reshape((-1, channels), dtype="float32", name=f"{name}{i}") for i in range(len(levels))]
        rows = [reshape(last(x)) for reshape, x in zip(flat, _branches(levels, name), strict=True)]
        join = keras.layers.Concatenate(axis=1, dtype="float32", name=f"all_{name}")
        outputs.append(join(rows) if len(rows) > 1 else rows[0])
    head: Network = keras.Model(maps, outputs, name="head")
    return head


def _pyramid(maps: Sequence[Tensor]) -> list[Tensor]:
    """Adds the features of the coarser maps to each map (Lin et al., "Feature Pyramid Networks", 2017)."""
    levels: list[Tensor] = []
    for i, x in reversed(list(enumerate(maps))):
        x = keras.layers.Conv2D(WIDTH, 1, use_bias=False, name=f"lateral{i}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"lateral{i}_bn")(x)
        if levels:
            up = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"up{i}")(levels[0])
            odd_h, odd_w = up.shape[1] - x.shape[1], up.shape[2] - x.shape[2]
            if odd_h or odd_w:
                up = keras.layers.Cropping2D(((0, odd_h), (0, odd_w)), name=f"cut{i}")(up)
            x = keras.layers.Add(name=f"add{i}")([x, up])
            x = _separable(x, *_convolution(f"smooth{i}"), f"smooth{i}")
        else:
            x = keras.layers.ReLU(6.0, name=f"lateral{i}_relu")(x)
        levels.insert(0, x)
    return levels


def _branches(levels: Sequence[Tensor], name: str) -> list[Tensor]:
    """Runs all levels through shared convolutions; each level is normalized alone, because its statistics differ."""
    branches = list(levels)
    for k in range(_BRANCH_CONVOLUTIONS):
        shared = _convolution(f"{name}_{k}")
        branches = [_separable(x, *shared, f"{name}_{k}_{i}") for i, x in enumerate(branches)]
    return branches


def _convolution(name: str) -> tuple[Layer, Layer]:
    """Returns the depthwise and the pointwise layer of a separable convolution."""
    depthwise = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")
    return depthwise, keras.layers.Conv2D(WIDTH, 1, use_bias=False, name=f"{name}_pointwise")


def _separable(x: Tensor, depthwise: Layer, pointwise: Layer, name: str) -> Tensor:
    # One normalization serves both convolutions: another one between them would take a quarter of a training step.
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(pointwise(depthwise(x)))
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x)

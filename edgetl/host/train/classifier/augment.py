"""Augmentation as Keras layers: one geometric resampling and one colour transform for a batch of pixels."""

from __future__ import annotations

import keras
from keras import ops

from edgetl.host.networks.untyped import Tensor


class RandomAffine(keras.layers.Layer):
    """Flips, turns, zooms and shifts each picture, all in one resampling.

    Args:
        flip: mirror half of the pictures.
        rotation: at most so far either way, degrees.
        zoom: at most by this factor either way, e.g. 0.2 shows 0.8 to 1.2 of the picture.
        shift: at most so far, as a share of the picture.
        seed: of the random numbers.
    """

    def __init__(
        self, *, flip: bool = True, rotation: float = 15, zoom: float = 0.2, shift: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__(dtype="float32")  # also under mixed precision: 16 bits would round the pixels
        # TensorFlow's resampling has no XLA kernel: a model that holds this layer must not be compiled with XLA there.
        self.supports_jit = keras.config.backend() != "tensorflow"
        self.flip, self.rotation, self.zoom, self.shift = flip, rotation, zoom, shift
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        if not training:
            return pictures
        count, height, width = pictures.shape[0] or ops.shape(pictures)[0], pictures.shape[1], pictures.shape[2]

        def uniform(bound: float) -> Tensor:
            return keras.random.uniform((count,), -bound, bound, seed=self.generator)

        angle = uniform(self.rotation) * (3.14159265 / 180)
        scale = 1.0 + uniform(self.zoom)
        mirror = ops.where(uniform(1.0) < 0, -1.0, 1.0) if self.flip else 1.0
        cx, cy = (width - 1) / 2, (height - 1) / 2
        # Output pixel to input pixel, about the centre.
        a, b = scale * ops.cos(angle) * mirror, -scale * ops.sin(angle)
        c, d = scale * ops.sin(angle) * mirror, scale * ops.cos(angle)
        x = cx - a * cx - b * cy + uniform(self.shift) * width
        y = cy - c * cx - d * cy + uniform(self.shift) * height
        zero = ops.zeros_like(a)
        matrix = ops.stack([a, b, x, c, d, y, zero, zero], axis=1)
        return ops.image.affine_transform(
            pictures, matrix, interpolation="bilinear", fill_mode="reflect", data_format="channels_last"
        )


class RandomColor(keras.layers.Layer):
    """Changes brightness, contrast, saturation and white balance of each picture of pixels 0..255.

    Args:
        strength: 0.2 changes each by up to a fifth.
        seed: of the random numbers.
    """

    def __init__(self, strength: float = 0.2, *, seed: int = 1) -> None:
        super().__init__(dtype="float32")
        self.strength = strength
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        if not training:
            return pictures
        count = pictures.shape[0] or ops.shape(pictures)[0]

        def factor(strength: float, channels: int = 1) -> Tensor:
            shape = (count, 1, 1, channels)
            return 1.0 + keras.random.uniform(shape, -strength, strength, seed=self.generator)

        grey = ops.mean(pictures, axis=-1, keepdims=True)
        mean = ops.mean(grey, axis=(1, 2), keepdims=True)
        # saturation about grey, then contrast about the mean, then brightness and white balance: one affine form
        saturation, contrast = factor(self.strength), factor(self.strength)
        light = factor(self.strength) * factor(self.strength / 4, 3)
        colour = grey + (pictures - grey) * saturation
        return ops.clip(((colour - mean) * contrast + mean) * light, 0, 255)

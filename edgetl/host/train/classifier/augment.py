"""Augments batches of photos as Keras layers: one geometric resampling, then one change of colours."""

from __future__ import annotations

import keras
from keras import ops

from edgetl.host.networks.untyped import Tensor

_RADIANS = 3.14159265 / 180
"""One degree in radians; more digits would change the trainings that a seed gives."""


class RandomAffine(keras.layers.Layer):
    """Flips, turns, zooms and shifts each photo, all in one resampling.

    Args:
        flip: whether half of the photos are mirrored.
        rotation: the largest turn either way, degrees.
        zoom: the largest zoom either way; 0.2 shows 0.8 to 1.2 times the photo's width.
        shift: the largest shift either way, as a share of width and height.
        seed: the seed of the random numbers.
    """

    def __init__(
        self, *, flip: bool = True, rotation: float = 15, zoom: float = 0.2, shift: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__(dtype="float32")  # also under mixed precision: 16 bits would round the pixels
        # TensorFlow's resampling has no XLA kernel: a model with this layer must not be compiled with XLA there.
        self.supports_jit = keras.config.backend() != "tensorflow"
        self.flip, self.rotation, self.zoom, self.shift = flip, rotation, zoom, shift
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pixels: Tensor, training: bool = False) -> Tensor:
        """Returns the augmented photos, or unchanged ones unless training.

        Args:
            pixels: the photos, (N, H, W, C) float32.
            training: whether the photos are augmented.

        Returns:
            The photos, (N, H, W, C) float32.
        """
        if not training:
            return pixels
        count, height, width = pixels.shape[0] or ops.shape(pixels)[0], pixels.shape[1], pixels.shape[2]

        def uniform(bound: float) -> Tensor:
            return keras.random.uniform((count,), -bound, bound, seed=self.generator)

        angle = uniform(self.rotation) * _RADIANS
        scale = 1.0 + uniform(self.zoom)
        mirror = ops.where(uniform(1.0) < 0, -1.0, 1.0) if self.flip else 1.0
        cx, cy = (width - 1) / 2, (height - 1) / 2
        # The matrix maps an output pixel to an input pixel, about the centre.
        a, b = scale * ops.cos(angle) * mirror, -scale * ops.sin(angle)
        c, d = scale * ops.sin(angle) * mirror, scale * ops.cos(angle)
        x = cx - a * cx - b * cy + uniform(self.shift) * width
        y = cy - c * cx - d * cy + uniform(self.shift) * height
        zero = ops.zeros_like(a)
        matrix = ops.stack([a, b, x, c, d, y, zero, zero], axis=1)
        return ops.image.affine_transform(
            pixels, matrix, interpolation="bilinear", fill_mode="reflect", data_format="channels_last"
        )


class RandomColor(keras.layers.Layer):
    """Changes brightness, contrast, saturation and white balance of each photo.

    Args:
        strength: the largest change of each either way; 0.2 changes it by up to a fifth.
        seed: the seed of the random numbers.
    """

    def __init__(self, strength: float = 0.2, *, seed: int = 1) -> None:
        super().__init__(dtype="float32")
        self.strength = strength
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pixels: Tensor, training: bool = False) -> Tensor:
        """Returns the augmented photos, or unchanged ones unless training.

        Args:
            pixels: the photos, (N, H, W, 3) float32 RGB, 0..255.
            training: whether the photos are augmented.

        Returns:
            The photos, (N, H, W, 3) float32 RGB, 0..255.
        """
        if not training:
            return pixels
        count = pixels.shape[0] or ops.shape(pixels)[0]

        def factor(strength: float, channels: int = 1) -> Tensor:
            shape = (count, 1, 1, channels)
            return 1.0 + keras.random.uniform(shape, -strength, strength, seed=self.generator)

        grey = ops.mean(pixels, axis=-1, keepdims=True)
        mean = ops.mean(grey, axis=(1, 2), keepdims=True)
        # Saturation about grey, contrast about the mean, brightness and white balance together are one affine map.
        saturation, contrast = factor(self.strength), factor(self.strength)
        light = factor(self.strength) * factor(self.strength / 4, 3)
        colour = grey + (pixels - grey) * saturation
        return ops.clip(((colour - mean) * contrast + mean) * light, 0, 255)

"""Classifiers that others might have made: they tell five brightnesses apart, if their pixels are scaled as -1..1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

LEVELS = {"night": 20, "dusk": 74, "fog": 128, "day": 182, "snow": 236}
"""Mean brightness of a class's photos; the order is that of the outputs, and not the folders' alphabetical one."""
LABELS = tuple(LEVELS)
SIZE = (24, 32)
"""Height and width of the classifiers' input, px."""


def draw_greys(root: Path, count: int = 12) -> Path:
    """Writes `count` photos of each brightness as `root/LABEL/00.png` and so on; no two are alike."""
    rng = np.random.default_rng(4)
    for label, level in LEVELS.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            coarse = rng.normal(0, 12, (6, 8, 3)).astype(np.float32)
            coarse -= coarse.mean()
            photo = level + cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(root / label / f"{number:02}.png"), np.clip(photo, 0, 255).astype(np.uint8))
    return root


def build_greys(
    *,
    scaled: bool = False,
    softmax: bool = True,
    shape: tuple[int | None, ...] = (*SIZE, 3),
    batch: int | None = None,
    inputs: int = 1,
    dtype: str = "float32",
    before: Any = None,
) -> Any:
    """A `keras.Model` that takes the class whose brightness is nearest.

    Args:
        scaled: it scales pixels itself, in a Rescaling.
        softmax: it ends with one, else it gives logits.
        shape: of the input, without the batch.
        batch: its fixed size.
        inputs: how many; the others count for nothing.
        dtype: of the input.
        before: a layer before all others.
    """
    import keras

    layers = keras.layers
    image = keras.Input(shape, batch_size=batch, dtype=dtype)
    others = [keras.Input((4,)) for _ in range(inputs - 1)]
    tensor = before(image) if before else image
    tensor = layers.Rescaling(1 / 127.5, -1)(tensor) if scaled else tensor
    means = layers.GlobalAveragePooling2D()(tensor)
    dense = layers.Dense(len(LEVELS), activation="softmax" if softmax else None)
    model = keras.Model([image, *others] if others else image, dense(means))
    centres = np.array(list(LEVELS.values()), np.float32) / 127.5 - 1
    slopes = np.repeat(40 * centres[None] / shape[-1], shape[-1], axis=0)
    dense.set_weights([slopes.astype(np.float32), -20 * centres**2])
    return model


def to_tflite(model: Any, *, integer: bool = False) -> bytes:
    """A `.tflite` file without metadata; `integer`: bytes in and out."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if integer:
        levels = np.linspace(-1, 1, 20, dtype=np.float32)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([np.full((1, *SIZE, 3), level)] for level in levels)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())

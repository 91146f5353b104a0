"""A MobileNetV2 0.35 at 224 px in int8, made here with random weights: its speed is that of a trained one."""

from pathlib import Path

import numpy as np
import pytest

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.backend import import_tensorflow

CARD = ModelCard("bench", "classification", tuple("abcdef"), InputSpec(224, 224))
DETECTOR = ModelCard("bench", "detection", tuple("abcdef"), InputSpec(320, 320, resize="letterbox"), DetectorDecoding())


@pytest.fixture(scope="session")
def int8_file(tmp_path_factory) -> Path:
    import_tensorflow()
    import keras

    from edgetl.host.convert.metadata import embed
    from edgetl.host.convert.tflite import export
    from edgetl.host.train import backbones
    from edgetl.host.train.classifier import assemble
    from edgetl.host.train.options import TrainOptions

    keras.utils.set_random_seed(0)
    network = backbones.build("mobilenet_v2", 0.35, 224, 224)
    model = assemble(network, 6, TrainOptions(data="", name="bench")).model
    photos = np.random.default_rng(0).integers(0, 256, (8, 224, 224, 3), np.uint8)
    path = tmp_path_factory.mktemp("bench") / "int8.tflite"
    path.write_bytes(embed(export(model, "static_wi8_ai8", photos), CARD))
    return path


@pytest.fixture(scope="session")
def int8_detector(tmp_path_factory) -> Path:
    """The same backbone as a detector at 320 px."""
    import_tensorflow()
    import keras

    from edgetl.host.convert.metadata import embed
    from edgetl.host.convert.tflite import export
    from edgetl.host.train import backbones
    from edgetl.host.train.detector import assemble
    from edgetl.host.train.options import TrainOptions

    keras.utils.set_random_seed(0)
    network = backbones.build("mobilenet_v2", 0.35, 320, 320)
    model = assemble(network, 6, DETECTOR.detector.strides, TrainOptions(data="", name="bench")).model
    photos = np.stack([_patches(seed, 320, 320) for seed in range(8)])
    logits, distances = (model.get_layer("head").get_layer(name) for name in ("logits", "distances"))
    prior = logits.bias.numpy()
    logits.bias.assign(0 * prior)  # beside it the rest would be lost in the rounding
    for layer, output in zip((logits, distances), model.predict_on_batch(photos), strict=True):
        # What comes out of an untrained network is nearly the same for all cells: spread as a trained detector's.
        layer.kernel.assign(layer.kernel / output.std(axis=(0, 1)).mean())
    logits.bias.assign(prior)
    path = tmp_path_factory.mktemp("bench") / "int8.tflite"
    path.write_bytes(embed(export(model, "static_wi8_ai8", photos), DETECTOR))
    return path


@pytest.fixture(scope="session")
def patches() -> np.ndarray:
    """A 640 x 480 frame of coloured patches, which a detector tells apart; noise is grey once it is resized."""
    return _patches(9, 480, 640)


def _patches(seed: int, height: int, width: int) -> np.ndarray:
    colours = np.random.default_rng(seed).integers(0, 256, (height // 40, width // 40, 3), np.uint8)
    return colours.repeat(40, axis=0).repeat(40, axis=1)


@pytest.fixture(scope="session")
def frame() -> np.ndarray:
    """A 640 x 480 frame."""
    return np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)

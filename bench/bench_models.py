"""A MobileNetV2 0.35 in int8, made here with random weights: its speed is that of a trained one."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.untyped import Network
from edgetl.host.train.resolve import ResolvedOptions

DECODING = DetectorDecoding(vote_iou=0.7, bins=16)
CARD = ModelCard("bench", "classification", tuple("abcdef"), InputSpec(224, 224))
DETECTOR = ModelCard("bench", "detection", tuple("abcdef"), InputSpec(320, 320, resize="letterbox"), DECODING)


def classifier(path: Path, alpha: float = 0.35, size: int = 224) -> Path:
    """Writes a classifier's int8 `.tflite`."""
    made, photos = network("classification", alpha, size)
    return _write(path, made, photos, replace(CARD, input=InputSpec(size, size)))


def detector(path: Path) -> Path:
    """Writes a detector's int8 `.tflite`."""
    return _write(path, *network("detection"), DETECTOR)


def network(task: str, alpha: float = 0.35, size: int = 0) -> tuple[Network, np.ndarray]:
    """Returns a Keras model, by default a classifier at 224 px or a detector at 320 px, and photos to calibrate it."""
    return _classifier(alpha, size or 224) if task == "classification" else _detector(alpha, size or 320)


def options(task: str) -> ResolvedOptions:
    """Returns the default options of a training from random weights."""
    from edgetl.host.train.options import TrainOptions
    from edgetl.host.train.resolve import resolve_classifier, resolve_detector
    from edgetl.host.train.weights.source import RANDOM

    given = TrainOptions(data="", name="bench", strides=DETECTOR.detector.strides)
    if task == "classification":
        return resolve_classifier(given, RANDOM, CARD.input, [100] * len(CARD.labels))
    return resolve_detector(given, RANDOM, DETECTOR.input, 600)


def _classifier(alpha: float, size: int) -> tuple[Network, np.ndarray]:
    from edgetl.host.train.classifier.network import assemble

    model = assemble(_backbone(alpha, size), 6, options("classification")).model
    return model, np.random.default_rng(0).integers(0, 256, (8, size, size, 3), np.uint8)


def _detector(alpha: float, size: int) -> tuple[Network, np.ndarray]:
    from edgetl.host.train.detector.network import assemble

    model = assemble(_backbone(alpha, size), 6, options("detection")).model
    whole = [patches(seed, 40 * -(-size // 40), 40 * -(-size // 40)) for seed in range(8)]
    photos = np.stack([photo[:size, :size] for photo in whole])
    logits, distances = (model.get_layer("head").get_layer(name) for name in ("logits", "distances"))
    prior = logits.bias.numpy()
    logits.bias.assign(0 * prior)  # beside it the rest would be lost in the rounding
    for layer, output in zip((logits, distances), model.predict_on_batch(photos), strict=True):
        # What comes out of an untrained network is nearly the same for all cells: spread as a trained detector's.
        layer.kernel.assign(layer.kernel / output.std(axis=(0, 1)).mean())
    logits.bias.assign(prior)
    return model, photos


def patches(seed: int = 9, height: int = 480, width: int = 640) -> np.ndarray:
    """Returns a frame of coloured patches, which a detector tells apart; noise is grey once it is resized."""
    colours = np.random.default_rng(seed).integers(0, 256, (height // 40, width // 40, 3), np.uint8)
    return colours.repeat(40, axis=0).repeat(40, axis=1)


def _backbone(alpha: float, size: int) -> Network:
    import_tensorflow()
    import keras

    from edgetl.host.train.weights import backbones

    keras.utils.set_random_seed(0)
    return backbones.build("mobilenet_v2", alpha, size, size)


def _write(path: Path, model: Network, photos: np.ndarray, card: ModelCard) -> Path:
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite.export import export
    from edgetl.host.convert.tflite.metadata import embed

    path.write_bytes(embed(export(SavedModels(model), "static_wi8_ai8", photos), card))
    return path

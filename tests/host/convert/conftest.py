from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boxed
import numpy as np
import pytest
from once import made_once, trained_once

CARDS = ("ace", "jack", "king", "ten")
BINS = 16
"""Each distance of the detectors is described by so many values."""


@pytest.fixture(scope="session")
def card_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 drawn photos with up to three boxes each, four of them without any."""
    return made_once(tmp_path_factory, "cards", _draw_cards)


def _draw_cards(root: Path) -> None:
    rng = np.random.default_rng(3)
    for i in range(60):
        rows: list[boxed.Row] = []
        for cell in rng.permutation(4)[: int(rng.integers(1, 4)) if i % 15 else 0].tolist():
            w, h = (int(v) for v in rng.integers(24, (60, 48)))
            x = cell % 2 * 80 + int(rng.integers(2, 79 - w))
            y = cell // 2 * 60 + int(rng.integers(2, 59 - h))
            rows.append((CARDS[int(rng.integers(4))], x, y, x + w, y + h))
        boxed.put_voc(root / f"{i:02}.png", rows)


@pytest.fixture(scope="session")
def keras_model(shapes_model: Any) -> Any:
    """The small classifier, loaded once."""
    from edgetl.host.networks.stored import load_keras

    return load_keras(shapes_model)


def small_backbone(size: int) -> Any:
    """A backbone with random weights and feature maps at strides 2 to 16."""
    import keras

    layers = keras.layers
    x = image = keras.Input((size, size, 3))
    for channels in (16, 24, 32, 48):
        x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, x, name="backbone")


def assembled(strides: tuple[int, ...], size: int = 96, classes: int = len(CARDS)) -> Any:
    """An untrained detector, see `edgetl.host.train.detector.network.Detector`."""
    import keras
    from networks import resolved_detector

    from edgetl.host.train.detector.network import assemble
    from edgetl.host.train.options import TrainOptions

    keras.utils.set_random_seed(1)
    options = resolved_detector(TrainOptions(data="", name="", size=size, strides=strides, augment=0.0))
    return assemble(small_backbone(size), classes, options)


@pytest.fixture(scope="session")
def three_level_network() -> Any:
    """An untrained detector whose pyramid upsamples twice."""
    return assembled((4, 8, 16)).model


@pytest.fixture(scope="session")
def detector(host_env: Path, card_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A stored detector, trained in some twenty seconds, that finds most cards of photos it hasn't seen."""
    return trained_once(tmp_path_factory, host_env, "cards", lambda: _train_detector(host_env, card_photos))


def _train_detector(store: Path, card_photos: Path) -> Any:
    import keras

    from edgetl.card import DetectorDecoding, InputSpec, ModelCard
    from edgetl.host.dataset.boxes.load import load_boxed
    from edgetl.host.evaluate.predict_boxes import measure
    from edgetl.host.train.detector.batches import pad
    from edgetl.host.train.detector.loss import DetectionLoss
    from edgetl.store import StoredModel
    from edgetl.vision.detect import grid

    spec = InputSpec(96, 96, resize="letterbox")
    data = load_boxed(card_photos, spec)
    parts = assembled((8, 16))
    rounds, batch = 50, 16
    rate = keras.optimizers.schedules.CosineDecay(5e-3, rounds * -(-len(data.train) // batch))
    parts.learner.compile(keras.optimizers.AdamW(rate), DetectionLoss(*grid(96, 96, (8, 16)), BINS), jit_compile=False)
    truth = np.stack([pad(boxes, 8) for boxes in data.train.boxes])
    parts.learner.fit(data.train.batch(slice(None)), truth, batch, rounds, verbose=0)
    decoding = DetectorDecoding((8, 16), vote_iou=0.7, bins=BINS)
    card = ModelCard("cards", "detection", data.labels, spec, decoding, dataset=data.info)
    found = measure(parts.model, data.val, card)
    assert found.map50 > 0.6, "the detector finds too little to test with"
    card = replace(card, decoding=replace(card.detector, thresholds=found.thresholds()))
    stored = StoredModel(store / "cards", card)
    stored.folder.mkdir()
    parts.model.save(stored.weights)
    (stored.folder / "card.json").write_text(card.to_json())
    return stored


@pytest.fixture(scope="session")
def detector_data(detector: Any) -> Any:
    """The data set of `detector`, split as in its training."""
    from edgetl.host.networks.stored import boxed_dataset_of

    return boxed_dataset_of(detector.card)


@pytest.fixture(scope="session")
def detector_network(detector: Any) -> Any:
    """The Keras model of `detector`."""
    from edgetl.host.networks.stored import load_keras

    return load_keras(detector)


@pytest.fixture(scope="session")
def detector_files(detector_network: Any, detector_data: Any, tmp_path_factory: Any) -> Callable[[str], Path]:
    """A function that makes the file of a recipe, once."""
    from edgetl.host.convert.calibration import representative_dataset
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite.export import export

    folder, models = tmp_path_factory.mktemp("variants"), SavedModels(detector_network)

    def made_once(recipe: Any) -> Path:
        path = folder / f"{recipe}.tflite"
        if not path.exists():
            path.write_bytes(export(models, recipe, representative_dataset(detector_data.train, 20, 0)))
        return path

    return made_once

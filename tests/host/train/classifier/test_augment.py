from __future__ import annotations

from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
from networks import resolved_classifier

from edgetl.host.train.classifier.augment import RandomAffine, RandomColor
from edgetl.host.train.classifier.network import assemble
from edgetl.host.train.weights import backbones


def pictures(count=8, height=24, width=32, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 6, 8, 3)).astype(np.float32)
    return np.stack([np.clip(cv2.resize(p, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255) for p in coarse])


@pytest.fixture
def at_the_bounds(monkeypatch):
    """Every random number takes its upper bound."""

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        return keras.ops.full(shape, maxval)

    monkeypatch.setattr(keras.random, "uniform", uniform)


def test_a_strength_of_zero_changes_nothing():
    x = pictures()
    still = RandomAffine(flip=False, rotation=0, zoom=0, shift=0)
    np.testing.assert_allclose(still(x, training=True), x, atol=1e-3)
    np.testing.assert_allclose(RandomColor(0)(x, training=True), x, atol=1e-3)


def test_half_of_the_photos_are_flipped_exactly():
    x = pictures(64)
    out = np.asarray(RandomAffine(rotation=0, zoom=0, shift=0, seed=3)(x, training=True))
    flipped = [np.abs(o - p[:, ::-1]).max() < 1e-3 for o, p in zip(out, x, strict=True)]
    same = [np.abs(o - p).max() < 1e-3 for o, p in zip(out, x, strict=True)]
    assert all(f != s for f, s in zip(flipped, same, strict=True))
    assert 16 < sum(flipped) < 48


@pytest.mark.parametrize("layer", [RandomAffine(), RandomColor(0.5)])
def test_photos_are_unchanged_at_inference(layer):
    x = pictures()
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    assert np.abs(np.asarray(layer(x, training=True)) - x).max() > 1


@pytest.mark.parametrize("layer", [RandomAffine(rotation=180, zoom=0.9, shift=1.0), RandomColor(1.0)])
@pytest.mark.parametrize("x", [pictures(), np.zeros((4, 16, 16, 3), np.float32), np.full((4, 16, 16, 3), 255.0)])
def test_augmented_pixels_are_finite_and_in_range(layer, x):
    for _ in range(4):
        out = np.asarray(layer(x, training=True))
        assert out.shape == x.shape
        assert np.isfinite(out).all()
        assert out.min() >= -1e-3
        assert out.max() <= 255 + 1e-3


@pytest.mark.parametrize(
    ("turn", "zoom", "shift"), [(0, 0, 0.25), (30, 0, 0), (0, 0.5, 0), (-40, -0.25, 0), (25, 0.2, 0.1)]
)
def test_a_marked_pixel_goes_where_opencv_puts_it(turn, zoom, shift, at_the_bounds):
    height, width = 48, 64
    centre = ((width - 1) / 2, (height - 1) / 2)
    # What is sampled from further to the right moves to the left, so the picture's own way is the inverse.
    forward = cv2.getRotationMatrix2D(centre, turn, 1 / (1 + zoom))
    forward[:, 2] -= forward[:, :2] @ [shift * width, shift * height]
    for marked in ((40, 30), (30, 20), (36, 26)):
        x = np.zeros((1, height, width, 3), np.float32)
        cv2.circle(x[0], marked, 2, (255, 255, 255), -1)
        layer = RandomAffine(flip=False, rotation=turn, zoom=zoom, shift=shift)
        bright = np.asarray(layer(x, training=True))[0, :, :, 0]
        rows, columns = np.indices(bright.shape)
        found = (columns * bright).sum() / bright.sum(), (rows * bright).sum() / bright.sum()
        assert found == pytest.approx(tuple(forward @ [*marked, 1]), abs=0.25)


def test_a_quarter_turn_moves_every_pixel_exactly(at_the_bounds):
    x = pictures(2, 24, 24)
    out = RandomAffine(flip=False, rotation=90, zoom=0, shift=0)(x, training=True)
    np.testing.assert_allclose(out, np.rot90(x, 1, axes=(1, 2)), atol=0.1)


def test_colour_is_saturation_then_contrast_then_light(at_the_bounds):
    x = pictures(3) * 0.5 + 20
    grey = x.mean(axis=-1, keepdims=True)
    mean = grey.mean(axis=(1, 2), keepdims=True)
    wanted = ((grey + (x - grey) * 1.2 - mean) * 1.2 + mean) * 1.2 * 1.05
    np.testing.assert_allclose(RandomColor(0.2)(x, training=True), np.clip(wanted, 0, 255), atol=1e-2)


def test_each_picture_changes_in_its_own_way():
    x = np.repeat(pictures(1), 6, axis=0)
    for layer in (RandomAffine(), RandomColor()):
        out = np.asarray(layer(x, training=True))
        assert all(np.abs(out[i] - out[0]).max() > 0.5 for i in range(1, 6))


@pytest.mark.parametrize("kind", [RandomAffine, RandomColor])
def test_the_seed_determines_the_augmentation(kind):
    x = pictures()

    def twice(seed):
        layer = kind(seed=seed)
        return [np.asarray(layer(x, training=True)) for _ in range(2)]

    first, again, other = twice(1), twice(1), twice(2)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0.5
    assert np.abs(first[0] - other[0]).max() > 0.5


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="other backends compile the resampling")
def test_tensorflow_never_compiles_the_learner_with_xla(options, small, monkeypatch):
    """Its resampling has no XLA kernel, on a GPU either."""
    import tensorflow as tf

    gpu = SimpleNamespace(device_type="GPU", name="/physical_device:GPU:0")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [gpu])
    parts = assemble(backbones.build("mobilenet_v1", 0.25, 96, 96), 3, resolved_classifier(options))
    for model, compiled in ((parts.learner, False), (parts.head, True)):
        model.compile("sgd", "categorical_crossentropy", jit_compile="auto")
        assert model.jit_compile is compiled

import keras
import numpy as np
import pytest

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.train.detector.network import _head
from edgetl.host.train.detector.stored_head import copy_head

SHAPES = [(8, 8, 4), (4, 4, 6), (2, 2, 8)]


def detector(classes, bins=4, shapes=SHAPES, seed=0):
    """A detector without its backbone: the head on three feature maps."""
    keras.utils.set_random_seed(seed)
    head = _head(shapes, classes, bins)
    maps = [keras.Input(shape) for shape in shapes]
    return keras.Model(maps, head(maps))


def card(*labels, strides=(8, 16, 32)):
    return ModelCard("found", "detection", labels, InputSpec(64, 64), DetectorDecoding(strides=strides))


def weights(model, layer):
    return model.get_layer("head").get_layer(layer).get_weights()


def test_all_layers_but_the_scores_are_copied():
    model, stored = detector(3, seed=1), detector(5, seed=2)
    scores = weights(model, "logits")
    copied = copy_head(model, card("a", "b", "c"), stored, card("p", "q", "r", "s", "t"))
    layers = {layer.name for layer in model.get_layer("head").layers if layer.weights} - {"logits"}
    assert copied == len(layers)
    for name in layers:
        np.testing.assert_equal(weights(model, name), weights(stored, name))
    np.testing.assert_equal(weights(model, "logits"), scores)


def test_the_scores_of_common_classes_are_copied_by_name():
    model, stored = detector(3, seed=1), detector(2, seed=2)
    earlier = [value.copy() for value in weights(model, "logits")]
    copied = copy_head(model, card("ace", "jack", "king"), stored, card("king", "ace"))
    assert copied == sum(bool(layer.weights) for layer in model.get_layer("head").layers)
    for value, before, donor in zip(weights(model, "logits"), earlier, weights(stored, "logits"), strict=True):
        np.testing.assert_equal(value[..., 0], donor[..., 1])
        np.testing.assert_equal(value[..., 1], before[..., 1])
        np.testing.assert_equal(value[..., 2], donor[..., 0])


@pytest.mark.parametrize(
    ("layer", "other"),
    [("distances", {"bins": 1}), ("lateral0", {"shapes": [(8, 8, 5), (4, 4, 6), (2, 2, 8)]})],
)
def test_layers_of_another_shape_keep_their_weights(layer, other):
    model, stored = detector(2, seed=1), detector(2, seed=2, **other)
    before = weights(model, layer)
    copy_head(model, card("a", "b"), stored, card("a", "b"))
    np.testing.assert_equal(weights(model, layer), before)
    np.testing.assert_equal(weights(model, "smooth0_pointwise"), weights(stored, "smooth0_pointwise"))


def test_nothing_is_copied_between_other_strides():
    model, stored = detector(2, shapes=SHAPES[1:], seed=1), detector(2, seed=2)
    before = [value.copy() for value in model.get_weights()]
    assert copy_head(model, card("a", "b", strides=(16, 32)), stored, card("a", "b")) == 0
    np.testing.assert_equal(model.get_weights(), before)

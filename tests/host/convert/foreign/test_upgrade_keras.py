"""Files of older versions of Keras open in Keras 3 with the same outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from keras2 import PIXELS, SHAPE, functional, layer, of, pooled, sequential, write_h5

from edgetl.errors import ModelError

pytest.importorskip("tensorflow")

from edgetl.host.convert.foreign.load_keras import load_keras_file
from edgetl.host.convert.foreign.open_keras import open_keras

RNG = np.random.default_rng(3)
KERNEL, BIAS = RNG.normal(size=(3, 4)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
OLD = {"kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}}
"""An initializer as TensorFlow 1 wrote it, which Keras 3 refuses."""


def dense(name="dense", inbound=None, **config):
    return layer("Dense", name, inbound, units=4, activation="softmax", use_bias=True, **OLD, **config)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


WANTED = softmax(PIXELS.mean(axis=(1, 2)) @ KERNEL + BIAS)
MIXED = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
FIRST = {"batch_input_shape": [None, *SHAPE], "dtype": "float32"}


def inner(model, name, inbound=None):
    made = model | {"config": model["config"] | {"name": name}}
    return made if inbound is None else made | {"name": name, "inbound_nodes": inbound}


MODELS = {
    "the first layer says the shape": sequential([layer("GlobalAveragePooling2D", "pooled", **FIRST), dense()]),
    "a bare list of layers": {
        "class_name": "Sequential",
        "config": [layer("GlobalAveragePooling2D", "pooled", **FIRST), dense()],
    },
    "built for a shape": {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [pooled(), dense()], "build_input_shape": [None, *SHAPE]},
    },
    "a Sequential in another": sequential(
        [
            inner(sequential([layer("GlobalAveragePooling2D", "pooled", **FIRST)]), "front"),
            inner(sequential([dense(batch_input_shape=[None, 3])]), "dense"),
        ]
    ),
    "a functional model in a Sequential in another": sequential(
        [
            sequential([functional([layer("ReLU", "relu", [of("image")])], "relu"), pooled()], "front"),
            sequential([dense()], "dense"),
        ]
    ),
    "models in a functional model, numbered from 1": functional(
        [
            inner(sequential([layer("Dropout", "drop", rate=0.1, **FIRST)]), "augment", [of("image")]),
            inner(functional([layer("ReLU", "relu", [of("image")])], "relu"), "base", [[["augment", 1, 0, {}]]]),
            layer("GlobalAveragePooling2D", "pooled", [[["base", 1, 0, {}]]]),
            dense(inbound=[of("pooled")]),
        ],
        "dense",
    ),
    "names with slashes": functional(
        [
            layer("ReLU", "block/relu", [of("image")]),
            layer("GlobalAveragePooling2D", "block_relu", [of("block/relu")]),
            dense(inbound=[of("block_relu")]),
        ],
        "dense",
    ),
    "mixed precision": sequential(
        [layer("GlobalAveragePooling2D", "pooled", **(FIRST | {"dtype": MIXED})), dense(dtype=MIXED)]
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_network_of_an_older_keras_gives_the_same_answers(tmp_path, kind):
    path = write_h5(tmp_path / "old.h5", MODELS[kind], {"dense": [KERNEL, BIAS]})
    before = path.read_bytes()
    model = open_keras(path)
    assert (model.size, model.classes) == (SHAPE[:2], 4)
    assert np.abs(model.network.predict_on_batch(PIXELS) - WANTED).max() < 1e-6
    assert path.read_bytes() == before


def test_layers_with_old_names_or_arguments_open(tmp_path):
    gamma, beta, mean, variance = (RNG.uniform(0.5, 2, 3).astype(np.float32) for _ in range(4))
    old = {"axis": [3], "fused": True, "epsilon": 0.001, "momentum": 0.99, "virtual_batch_size": None, "renorm": False}
    layers = [
        layer("BatchNormalizationV1", "norm", **FIRST, **old, gamma_regularizer=None),
        layer("DepthwiseConv2D", "depthwise", kernel_size=[1, 1], groups=1, use_bias=False, depthwise_initializer=OLD),
        layer("SpatialDropout2D", "drop", rate=0.1, noise_shape=None, seed=None, trainable=True),
        pooled(),
    ]
    weights = {"norm": [gamma, beta, mean, variance], "depthwise": [np.ones((1, 1, 3, 1), np.float32)]}
    network = load_keras_file(write_h5(tmp_path / "old.h5", sequential(layers), weights))
    wanted = ((PIXELS - mean) / np.sqrt(variance + 0.001) * gamma + beta).mean(axis=(1, 2))
    assert np.abs(network.predict_on_batch(PIXELS) - wanted).max() < 1e-3


def lambda_layer(function, node, class_name="TFOpLambda"):
    return layer(class_name, "made", [node], function=function)


def graph_layer(operation, node, constants=None, **attributes):
    definition = json.dumps({"name": "made", "op": operation, "attr": attributes})
    return layer("TensorFlowOpLayer", "made", [node], node_def=definition, constants=constants or {})


X, LIST = "relu", [1.0, 2.0, 4.0]
REVERSED = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
WHOLE = {"start": None, "stop": None, "step": None}
KNOWN = {
    "division": (lambda_layer("math.truediv", [X, 0, 0, {"y": 127.5, "name": None}]), lambda x: x / 127.5),
    "division by channel": (lambda_layer("math.truediv", [X, 0, 0, {"y": LIST}]), lambda x: x / LIST),
    "subtraction": (lambda_layer("math.subtract", [X, 0, 0, {"y": 1.0}]), lambda x: x - 1),
    "from a constant": (lambda_layer("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": [X, 0, 0]}]), lambda x: 1 - x),
    "addition": (lambda_layer("__operators__.add", [X, 0, 0, {"y": 3.0}]), lambda x: x + 3),
    "multiplication": (lambda_layer("math.multiply", [X, 0, 0, {"y": 0.5}]), lambda x: x * 0.5),
    "negation": (lambda_layer("math.negative", [X, 0, 0, {}]), lambda x: -x),
    "bias": (lambda_layer("nn.bias_add", [X, 0, 0, {"bias": LIST, "data_format": "NHWC"}]), lambda x: x + LIST),
    "channels in reverse": (
        lambda_layer("__operators__.getitem", [X, 0, 0, {"slice_spec": REVERSED}], "SlicingOpLambda"),
        lambda x: x[..., ::-1],
    ),
    "channels in reverse, in full": (
        lambda_layer("__operators__.getitem", [X, 0, 0, {"slice_spec": [WHOLE] * 3 + REVERSED[1:]}], "SlicingOpLambda"),
        lambda x: x[..., ::-1],
    ),
    "relu6": (lambda_layer("nn.relu6", [X, 0, 0, {"name": None}]), lambda x: np.minimum(x, 6)),
    "cast": (lambda_layer("cast", [X, 0, 0, {"dtype": "float32"}]), lambda x: x),
    "sum": (lambda_layer("__operators__.add", [X, 0, 0, {"y": ["image", 0, 0]}]), lambda x: 2 * x),
    "product": (lambda_layer("math.multiply", [X, 0, 0, {"y": ["image", 0, 0]}]), lambda x: x * x),
    "difference": (lambda_layer("math.subtract", [X, 0, 0, {"y": ["image", 0, 0]}]), lambda x: 0 * x),
    "graph: division": (graph_layer("RealDiv", of(X), {"1": 127.5}), lambda x: x / 127.5),
    "graph: from a constant": (graph_layer("Sub", of(X), {"0": 1.0}), lambda x: 1 - x),
    "graph: sum": (graph_layer("AddV2", of(X) + of("image")), lambda x: 2 * x),
    "graph: relu6": (graph_layer("Relu6", of(X)), lambda x: np.minimum(x, 6)),
    "graph: channels in reverse": (
        graph_layer(
            "StridedSlice",
            of(X),
            {"1": [0, 0], "2": [0, 0], "3": [1, -1]},
            ellipsis_mask={"i": "1"},
            begin_mask={"i": "2"},
            end_mask={"i": "2"},
        ),
        lambda x: x[..., ::-1],
    ),
}


def with_operation(operation):
    """A network that applies an operation to a ReLU's output and averages the result."""
    relu = layer("ReLU", "relu", [of("image")])
    return functional([relu, operation, layer("GlobalAveragePooling2D", "pooled", [of("made")])], "pooled")


@pytest.mark.parametrize("kind", KNOWN)
def test_an_operation_of_tensorflow_becomes_a_layer_of_keras(tmp_path, kind):
    operation, wanted = KNOWN[kind]
    network = load_keras_file(write_h5(tmp_path / "old.h5", with_operation(operation)))
    found = network.predict_on_batch(PIXELS)
    assert np.allclose(found, wanted(PIXELS).mean(axis=(1, 2)), rtol=1e-5, atol=1e-3)


UNKNOWN = {
    "tf.math.erf": lambda_layer("math.erf", [X, 0, 0, {}]),
    "tf.math.truediv": lambda_layer("math.truediv", [X, 0, 0, {"y": 0.0}]),
    "tf.math.multiply": lambda_layer("math.multiply", [X, 0, 0, {"y": "x"}]),
    "tf.__operators__.getitem": lambda_layer(
        "__operators__.getitem", [X, 0, 0, {"slice_spec": [WHOLE]}], "SlicingOpLambda"
    ),
    "tf.cast": lambda_layer("cast", [X, 0, 0, {"dtype": "int32"}]),
    "Erf": graph_layer("Erf", of(X)),
    "StridedSlice": graph_layer("StridedSlice", of(X), {"1": [0, 0], "2": [0, 2], "3": [1, 1]}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_operation_without_a_keras_layer_is_refused_by_its_name(tmp_path, name):
    with pytest.raises(ModelError) as caught:
        open_keras(write_h5(tmp_path / "old.h5", with_operation(UNKNOWN[name])))
    assert name in caught.value.what
    assert "code" not in caught.value.what
    assert "tf.saved_model.save" in caught.value.remedy


def test_scaling_before_the_network_is_found_in_operation_layers_too(tmp_path):
    pooling = layer("GlobalAveragePooling2D", "pooled", [of("second")])
    first = layer("TFOpLambda", "first", [["image", 0, 0, {"y": 127.5}]], function="math.truediv")
    second = layer("TFOpLambda", "second", [["first", 0, 0, {"y": 1.0}]], function="math.subtract")
    model = functional([first, second, pooling, dense(inbound=[of("pooled")])], "dense")
    found = open_keras(write_h5(tmp_path / "old.h5", model, {"dense": [KERNEL, BIAS]}))
    assert "first" in found.scaling_note
    assert np.allclose(found.inside.mean, 127.5, rtol=1e-5)
    assert np.allclose(found.inside.std, 127.5, rtol=1e-5)
    wanted = softmax((PIXELS.astype(np.uint8) / 127.5 - 1).mean(axis=(1, 2)) @ KERNEL + BIAS)
    assert np.abs(found.predict(PIXELS.astype(np.uint8), found.inside) - wanted).max() < 1e-5


def test_an_activation_that_keras_3_computes_differently_is_refused(tmp_path):
    layers = [
        layer("GlobalAveragePooling2D", "p", **FIRST),
        dense() | {"config": {"name": "d", "units": 4, "activation": "hard_sigmoid"}},
    ]
    with pytest.raises(ModelError, match="hard_sigmoid"):
        open_keras(write_h5(tmp_path / "old.h5", sequential(layers)))


@pytest.mark.parametrize("numbers", [(float("nan"), 0.0), (float("inf"), 0.0), (0.0, 1.0), (1.0, float("nan"))])
def test_scaling_by_nan_infinity_or_zero_is_refused(tmp_path, numbers):
    scale, offset = numbers
    layers = [layer("Rescaling", "odd", scale=scale, offset=offset, **FIRST), pooled(), dense()]
    with pytest.raises(ModelError, match="odd"):
        open_keras(write_h5(tmp_path / "old.h5", sequential(layers), {"dense": [KERNEL, BIAS]}))


def test_a_path_with_the_word_lambda_is_not_taken_for_code(tmp_path):
    folder = tmp_path / "Lambda"
    folder.mkdir()
    for name in ("Lambda.h5", "Lambda.keras"):
        Path(folder / name).write_text("no model")
        with pytest.raises(ModelError) as caught:
            open_keras(folder / name)
        assert "code inside" not in caught.value.what

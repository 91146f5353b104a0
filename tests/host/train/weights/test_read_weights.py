from __future__ import annotations

import functools
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from edgetl.errors import ModelError
from edgetl.host.train.weights import backbones
from edgetl.host.train.weights.read import load_backbone_weights, read_layers

WIDTHS = [(name, alpha) for name, family in backbones.FAMILIES.items() for alpha in family.alphas]
DEFAULTS = [(name, family.default_alpha) for name, family in backbones.FAMILIES.items()]
SIZE = 64


@functools.cache
def backbone(name, alpha):
    return backbones.build(name, alpha, SIZE, SIZE)


@functools.cache
def source(name, alpha):
    """A whole network with a top of ten classes, every tensor of it random."""
    options = {"include_preprocessing": False} if "v3" in name else {}
    make = getattr(keras.applications, backbones.FAMILIES[name].application)
    network = make(input_shape=(SIZE, SIZE, 3), alpha=alpha, weights=None, classes=10, **options)
    randomize(network)
    return network


def randomize(network, seed=1):
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        if "variance" in weight.name or "gamma" in weight.name:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif len(weight.shape) == 1:
            weight.assign(rng.normal(0, 0.3, weight.shape))
        else:
            fan_in = np.prod(weight.shape[:2]) * (1 if weight.shape[-1] == 1 else weight.shape[-2])
            weight.assign(rng.normal(0, (1.5 / fan_in) ** 0.5, weight.shape))


@functools.cache
def features_of(name, alpha):
    """What the whole network computes below its top, on a random picture."""
    network = source(name, alpha)
    last_pooling = [layer for layer in network.layers if type(layer).__name__ == "GlobalAveragePooling2D"][-1]
    below = keras.Model(network.input, last_pooling.input)
    return np.asarray(below(picture(), training=False))


@functools.cache
def picture():
    return np.random.default_rng(2).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)


def forget(network):
    for weight in network.weights:
        weight.assign(np.full(weight.shape, 0.123))


def assert_loads(path, name, alpha):
    network = backbone(name, alpha)
    forget(network)
    load_backbone_weights(network, path)
    wanted = features_of(name, alpha)
    assert wanted.std() > 1e-3
    assert np.abs(np.asarray(network(picture(), training=False)) - wanted).max() < 1e-5


def write_keras2(path, network, *, names="own", nested=False):
    """Writes an `.h5` as Keras 2 did: `conv/kernel:0`, `dw/depthwise_kernel:0`, one attribute of names a layer.

    Args:
        names: `own`, or `counted` as in a session that made many layers before: `conv2d_37`, ….
        nested: puts the whole network into one layer, all that learns first, as `Sequential([network, …])` had it.
    """
    groups, counts = {}, {}
    for layer in network.layers:
        kind = type(layer).__name__
        counts[kind] = counts.get(kind, 36) + 1
        called = layer.name if names == "own" else f"{kind.lower()}_{counts[kind]}"
        weights = sorted(layer.weights, key=lambda weight: weight.name.startswith("moving"))
        renamed = {"kernel": "depthwise_kernel"} if kind == "DepthwiseConv2D" else {}
        groups[called] = {f"{called}/{renamed.get(w.name, w.name)}:0": w for w in weights}
    if nested:
        flat = {key: weight for group in groups.values() for key, weight in group.items()}
        order = sorted(flat, key=lambda key: "moving_" in key)
        groups = {"flatten": {}, "network": {key: flat[key] for key in order}}
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in groups]
        for called, weights in groups.items():
            group = root.create_group(called)
            group.attrs["weight_names"] = [key.encode() for key in weights]
            for key, weight in weights.items():
                group[key] = np.asarray(weight)


@pytest.mark.parametrize(
    ("name", "alpha"),
    [width if width in DEFAULTS else pytest.param(*width, marks=pytest.mark.slow) for width in WIDTHS],
)
def test_a_keras_3_weights_file_with_a_top_loads(name, alpha, tmp_path):
    source(name, alpha).save_weights(tmp_path / "a.weights.h5")
    assert_loads(tmp_path / "a.weights.h5", name, alpha)


@pytest.mark.parametrize(("name", "alpha"), DEFAULTS)
def test_a_keras_file_with_a_top_loads(name, alpha, tmp_path):
    source(name, alpha).save(tmp_path / "a.keras")
    assert_loads(tmp_path / "a.keras", name, alpha)


@pytest.mark.parametrize(("name", "alpha"), DEFAULTS)
def test_an_h5_file_of_keras_3_loads(name, alpha, tmp_path):
    source(name, alpha).save(tmp_path / "a.h5")
    assert_loads(tmp_path / "a.h5", name, alpha)


@pytest.mark.parametrize("names", ["own", "counted"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("name", "alpha"), DEFAULTS)
def test_an_h5_file_of_keras_2_loads(name, alpha, names, nested, tmp_path):
    write_keras2(tmp_path / "a.h5", source(name, alpha), names=names, nested=nested)
    assert_loads(tmp_path / "a.h5", name, alpha)


@pytest.mark.parametrize(("name", "alpha"), DEFAULTS)
def test_a_weights_only_h5_file_without_top_loads(name, alpha, tmp_path):
    whole, bare = source(name, alpha), backbone(name, alpha)
    forget(bare)
    source_layers = {layer.name: layer for layer in whole.layers}
    for layer in bare.layers:
        if layer.weights:
            layer.set_weights(source_layers[layer.name].get_weights())
    write_keras2(tmp_path / "a.h5", bare)
    with h5py.File(tmp_path / "a.h5", "a") as file:  # `save_weights` had no group around the layers
        file.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
        for called in list(file["model_weights"]):
            file.move(f"model_weights/{called}", called)
        del file["model_weights"]
    assert_loads(tmp_path / "a.h5", name, alpha)


@pytest.mark.parametrize("suffix", ["keras", "h5", "weights.h5"])
@pytest.mark.parametrize(("name", "alpha"), [("mobilenet_v2", 0.35), ("mobilenet_v3_small", 1.0)])
def test_a_nested_network_with_convolutions_around_it_loads(name, alpha, suffix, tmp_path):
    inner = backbones.build(name, alpha, SIZE, SIZE)
    whole = {layer.name: layer for layer in source(name, alpha).layers}
    for layer in inner.layers:
        layer.set_weights(whole[layer.name].get_weights() if layer.weights else [])
    inner.trainable = False
    outer = keras.Sequential([keras.Input((SIZE, SIZE, 3)), inner, keras.layers.GlobalAveragePooling2D()])
    outer.add(keras.layers.Dense(3))
    path = tmp_path / f"a.{suffix}"
    (outer.save_weights if suffix == "weights.h5" else outer.save)(path)
    assert_loads(path, name, alpha)


def test_the_backbone_of_a_stored_model_loads(tmp_path):
    from networks import resolved_classifier

    from edgetl.host.train.classifier.network import assemble
    from edgetl.host.train.options import TrainOptions

    name, alpha = "mobilenet_v2", 0.35
    network = backbones.build(name, alpha, SIZE, SIZE)
    model = assemble(network, 4, resolved_classifier(TrainOptions(data="x", name="x", head=16))).model
    whole = {layer.name: layer for layer in source(name, alpha).layers}
    for layer in network.layers:
        layer.set_weights(whole[layer.name].get_weights() if layer.weights else [])
    model.save(tmp_path / "model.keras")
    assert_loads(tmp_path / "model.keras", name, alpha)


def test_the_bias_of_a_convolution_moves_into_the_normalization_behind_it(tmp_path):
    """Also where a residual branch or squeeze-excite lies between layers of the same kind."""
    name, alpha = "mobilenet_v3_small", 1.0
    network, rng = source(name, alpha), np.random.default_rng(4)
    write_keras2(tmp_path / "a.h5", network)
    shifted = keras.models.clone_model(network)
    shifted.set_weights(network.get_weights())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        root = file["model_weights"]
        for layer in shifted.layers:
            behind = [node.operation for node in layer._outbound_nodes]
            if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D") and len(layer.weights) == 1:
                (norm,) = behind
                bias = rng.normal(size=layer.output.shape[-1]).astype(np.float32)
                group = root[layer.name]
                group[f"{layer.name}/bias:0"] = bias
                names = [*group.attrs["weight_names"], f"{layer.name}/bias:0".encode()]
                group.attrs["weight_names"] = np.array(names, "S")
                mean = root[norm.name][f"{norm.name}/moving_mean:0"]
                mean[...] = mean[...] + bias
    assert_loads(tmp_path / "a.h5", name, alpha)


@pytest.mark.parametrize(
    ("asked", "saved"),
    [
        (("mobilenet_v1", 0.5), ("mobilenet_v1", 0.25)),
        (("mobilenet_v1", 0.25), ("mobilenet_v1", 0.5)),
        (("mobilenet_v2", 0.35), ("mobilenet_v1", 0.25)),
        (("mobilenet_v2", 1.4), ("mobilenet_v2", 1.3)),
        (("mobilenet_v3_large", 1.0), ("mobilenet_v3_small", 1.0)),
        (("mobilenet_v3_small", 1.0), ("mobilenet_v3_large", 1.0)),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(asked, saved, tmp_path):
    source(*saved).save_weights(tmp_path / "a.weights.h5")
    network = backbone(*asked)
    forget(network)
    with pytest.raises(ModelError, match="don't fit the backbone") as caught:
        load_backbone_weights(network, tmp_path / "a.weights.h5")
    assert caught.value.exit_code == 4
    assert "--alpha" in caught.value.remedy
    assert str(tmp_path) in caught.value.where
    assert all(np.all(np.asarray(weight) == np.float32(0.123)) for weight in network.weights), "nothing was half-loaded"


def damaged(path: Path, kind: str) -> Path:
    network = source("mobilenet_v1", 0.25)
    if kind == "missing":
        return path / "nowhere.h5"
    file = path / f"a.{'keras' if 'keras' in kind else 'weights.h5'}"
    (network.save if "keras" in kind else network.save_weights)(file)
    content = bytearray(file.read_bytes())
    if kind.startswith("truncated"):
        content = content[: len(content) // 2]
    elif kind == "zeroed keras":
        content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    elif kind == "text":
        content = bytearray(b"not a weights file\n" * 50)
    elif kind == "empty":
        content = bytearray()
    file.write_bytes(content)
    if kind == "other h5":
        with h5py.File(file, "w") as other:
            other["numbers"] = np.arange(4)
    if kind == "other zip keras":
        import zipfile

        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("readme.txt", "hello")
    return file


@pytest.mark.parametrize(
    "kind",
    ["missing", "truncated", "truncated keras", "zeroed keras", "text", "empty", "other h5", "other zip keras"],
)
def test_a_damaged_weights_file_is_refused(kind, tmp_path):
    file = damaged(tmp_path, kind)
    with pytest.raises(ModelError) as caught:
        read_layers(file)
    assert caught.value.exit_code == 4
    assert caught.value.where == str(file)
    assert caught.value.remedy
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "name", "alpha"),
    [
        ("mobilenet_v2_0.35_224_no_top.weights.h5", "mobilenet_v2", 0.35),
        pytest.param("mobilenet_v2_1.0_224_dequant_no_top.weights.h5", "mobilenet_v2", 1.0, marks=pytest.mark.slow),
        ("mobilenet_2_5_224_tf_no_top.h5", "mobilenet_v1", 0.25),
    ],
)
def test_real_weights_files_give_the_outputs_of_keras(file, name, alpha, data_folder):
    path = data_folder / "weights" / file
    ours, theirs = backbone(name, alpha), backbones.build(name, alpha, SIZE, SIZE)
    forget(ours)
    load_backbone_weights(ours, path)
    theirs.load_weights(path)
    difference = np.asarray(ours(picture(), training=False)) - np.asarray(theirs(picture(), training=False))
    assert np.abs(difference).max() < 1e-5
    layers = read_layers(path)
    assert len(layers["conv"]) == len(layers["norm"]) - len(layers["depthwise"])


@pytest.mark.real_data
def test_a_real_keras_2_file_with_other_names_and_biases_loads(data_folder):
    """`vww_96.h5`: the file's tensors by their names in a network written out here, with this backbone's padding."""
    path = data_folder / "weights" / "vww_96.h5"
    network = backbone("mobilenet_v1", 0.25)
    forget(network)
    load_backbone_weights(network, path)
    with h5py.File(path) as file:
        root = file["model_weights"]

        def weights(kind, number):
            called = f"{kind}_{number}" if number else kind
            return [np.asarray(root[called][key]) for key in root[called].attrs["weight_names"]]

        convs = [weights("conv2d", i) for i in range(14)]
        depthwise = [weights("depthwise_conv2d", i) for i in range(13)]
        norms = [weights("batch_normalization", i) for i in range(27)]
    assert any(np.abs(bias).max() > 1e-3 for _, bias in convs), "the file would prove nothing about biases"
    from keras import ops

    def normalized(x, arrays):
        gamma, beta, mean, variance = arrays
        return ops.clip((x - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0, 6)

    x = ops.convert_to_tensor((picture() + 1) / 2)
    kernel, bias = convs[0]
    x = normalized(ops.conv(x, kernel, strides=2, padding="same") + bias, norms[0])
    for i in range(13):
        kernel, bias = depthwise[i]
        strided = i in (1, 3, 5, 11)
        padded = ops.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))) if strided else x
        y = ops.depthwise_conv(padded, kernel, strides=2 if strided else 1, padding="valid" if strided else "same")
        x = normalized(y + bias, norms[2 * i + 1])
        kernel, bias = convs[i + 1]
        x = normalized(ops.conv(x, kernel, padding="same") + bias, norms[2 * i + 2])
    ours = np.asarray(network((picture() + 1) / 2, training=False))
    assert ours.std() > 1e-2
    assert np.abs(ours - np.asarray(x)).max() < 1e-4

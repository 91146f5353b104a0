"""Keras files and SavedModels of others' making, opened without running code of theirs, and stored as ours are."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgetl.device.foreign import Scaling
from edgetl.errors import ModelError
from edgetl.host.backend import import_keras, import_tensorflow
from edgetl.host.convert.foreign_file import PIXELS, ForeignModel
from edgetl.host.stored import SAVED_MODEL, saved_network
from edgetl.host.untyped import Library, Network
from edgetl.quiet import quiet_output

_EXPORT = "where its code is, write it with model.export('FOLDER'), and give that folder"
_IMAGE = "edgetl converts models with one (H, W, 3) image input of a fixed size; build it with keras.Input((H, W, 3))"
_OUTPUT = "edgetl converts classifiers with one output, (N, classes)"
_TOUCHES_FILES = {"ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "LoadLibrary"}
"""TensorFlow's operations that no network needs."""
_READS_OR_WRITES = re.compile(r"Reader(V2)?$|RecordDataset|TextLineDataset|(Save|Load|Snapshot)Dataset|^Debug|Summary")
"""Others' names."""
_RAW_PIXELS = 0.1
"""A Rescaling by less than this takes pixels 0..255."""


def open_keras(path: Path) -> ForeignModel:
    """Opens a `.keras` or `.h5` file of a whole network.

    Raises:
        ModelError: Keras can't open it; or it has code inside, or needs code of its own; or it is no classifier of
            images.
    """
    import_keras()
    try:
        with quiet_output(), _readable(path) as file:
            network = _load(file)
    except Exception as error:  # Keras raises whatever its zip, JSON and HDF5 readers do
        raise _refused(path, str(error)) from error
    shapes = [tuple(tensor.shape) for tensor in network.inputs or ()]
    size, classes = _checked(path, shapes, [tuple(tensor.shape) for tensor in network.outputs or ()])
    told = _scaling_inside(network)
    network, inside = _without_rescaling(network)
    known = PIXELS if told else None
    return ForeignModel(path, network, size, classes, known, told, 0.0, partial(_save, network), inside)


def open_saved_model(path: Path) -> ForeignModel:
    """Opens a SavedModel's folder.

    Raises:
        ModelError: TensorFlow can't open it; or it reads or writes files; or it is no classifier of images.
    """
    tf = import_tensorflow()
    try:
        with quiet_output():
            _refuse_file_operations(path)
            signatures = tf.saved_model.load(str(path)).signatures
    except ModelError:
        raise
    except Exception as error:  # TensorFlow's own kinds, and those of its protocol buffers
        what = f"TensorFlow can't open the SavedModel: {_first_line(str(error))}"
        raise ModelError(what, where=str(path), remedy="copy the whole folder again, variables/ too") from error
    name = next((n for n in ("serving_default", "serve", *signatures) if n in signatures), "")
    if not name:
        raise ModelError("the SavedModel has no signature", where=str(path), remedy="write it with model.export()")
    inputs = list(signatures[name].structured_input_signature[1].values())
    outputs = list(signatures[name].structured_outputs.values())
    size, classes = _checked(path, *([_shape(spec) for spec in specs] for specs in (inputs, outputs)))
    with quiet_output():
        network = saved_network(path, name, size, inputs[0].dtype.name)
    told = "" if inputs[0].dtype.is_floating else "the model takes bytes"
    return ForeignModel(path, network, size, classes, PIXELS if told else None, told, 0.0, partial(_export, network))


def _load(file: Path) -> Network:
    import keras

    network = keras.saving.load_model(file, compile=False, safe_mode=True)
    if not hasattr(network, "inputs"):
        raise TypeError("it isn't a model")
    return network


class _readable:  # noqa: N801 - a context manager, called as a function
    """Yields a file that Keras 3 reads: that, or a copy of an `.h5` in which what Keras 2 alone knows is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = ""

    def __enter__(self) -> Path:
        import h5py

        if not h5py.is_hdf5(self._path):
            return self._path
        with h5py.File(self._path) as file:
            config = file.attrs.get("model_config", b"")
        text = config.decode() if isinstance(config, bytes) else str(config)
        if not text:
            raise ValueError("the file holds weights, but no network")
        document = json.loads(text)
        if any(layer["class_name"] == "Lambda" for layer in _layers(document)):
            raise ValueError("a Lambda layer")  # before Keras 3.11, safe_mode didn't hold for .h5 files
        if not sum(_drop_groups(layer) for layer in _layers(document)):
            return self._path
        self._folder = tempfile.mkdtemp()
        copy = Path(shutil.copy(self._path, Path(self._folder) / "model.h5"))
        with h5py.File(copy, "a") as file:
            file.attrs["model_config"] = json.dumps(document)
        return copy

    def __exit__(self, *_: object) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _layers(document: object) -> Iterator[dict[str, object]]:
    """Every layer of a network's description, at whatever depth."""
    if isinstance(document, dict):
        if "class_name" in document:
            yield document
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from _layers(part)


def _drop_groups(layer: dict[str, object]) -> bool:
    """Takes `groups` out of a depthwise convolution's description: always 1, and Keras 3 stumbles over it."""
    config = layer.get("config")
    found = layer["class_name"] == "DepthwiseConv2D" and isinstance(config, dict) and config.get("groups") == 1
    if found:
        assert isinstance(config, dict)  # as `found` says
        del config["groups"]
    return found


def _refused(path: Path, text: str) -> ModelError:
    if "Lambda" in text:
        what = "the model has code inside, in a Lambda layer, and edgetl doesn't run the code of a file"
        return ModelError(what, where=str(path), remedy=f"take the layer out; or, {_EXPORT}")
    if named := re.search(r"(?:Could not locate (?:class|function)|Unknown layer:) '([^']+)'", text):
        what = f"the model needs code of its own, which isn't in the file: {named[1]}"
        return ModelError(what, where=str(path), remedy=_EXPORT)
    what = f"Keras can't open the model: {_first_line(text)}"
    remedy = "give a whole model as model.save() writes it, not weights alone; or a folder of model.export('FOLDER')"
    return ModelError(what, where=str(path), remedy=remedy)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")[:200]


def _refuse_file_operations(path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    graphs = [meta.graph_def for meta in content.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    found = sorted({node.op for node in nodes if _touches_files(node)})
    if found:
        what = f"the SavedModel does more than compute: {', '.join(found)}"
        raise ModelError(what, where=str(path), remedy="write it again without those operations")


def _touches_files(node: Library) -> bool:
    """Says whether an operation reads or writes files; a checkpoint's own, which every SavedModel has, don't count."""
    if node.op == "PrintV2":  # to the console it may
        return bool(node.attr["output_stream"].s.startswith(b"file:"))
    return node.op in _TOUCHES_FILES or bool(_READS_OR_WRITES.search(node.op))


Shapes = list[tuple[int | None, ...]]


def _shape(spec: Library) -> tuple[int | None, ...]:
    """A tensor's shape; empty where not even its rank is known."""
    return tuple(spec.shape) if spec.shape.rank is not None else ()


def _checked(path: Path, inputs: Shapes, outputs: Shapes) -> tuple[tuple[int, int], int]:
    """Returns the input's height and width, and the number of classes, of a classifier of images."""
    told = ", ".join(map(str, inputs)) or "unknown"
    if len(inputs) != 1:
        raise ModelError(f"the model has {len(inputs)} inputs: {told}", where=str(path), remedy=_IMAGE)
    if len(inputs[0]) != 4 or inputs[0][3] != 3 or inputs[0][0] is not None:
        raise ModelError(f"the model's input is {told}", where=str(path), remedy=_IMAGE)
    _, height, width, _ = inputs[0]
    if height is None or width is None:
        raise ModelError(f"the size of the model's input is not fixed: {told}", where=str(path), remedy=_IMAGE)
    if len(outputs) != 1 or len(outputs[0]) != 2 or outputs[0][1] is None:
        told = ", ".join(map(str, outputs)) or "unknown"
        raise ModelError(f"the model's outputs {told} are not a classifier's", where=str(path), remedy=_OUTPUT)
    return (height, width), outputs[0][1]


def _scaling_inside(network: Network) -> str:
    """Says where pixels are scaled, if that is before anything that has learnt; empty where it isn't."""
    if "int" in str(network.inputs[0].dtype):
        return "the model takes bytes"
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "Normalization" or (kind == "Rescaling" and _least(layer.scale) < _RAW_PIXELS):
            return f"the model scales pixels itself, in its layer {layer.name} ({kind})"
        if inside := getattr(layer, "layers", ()):
            return _scaling_inside(layer) if inside and getattr(layer, "inputs", None) else ""
        if layer.weights:
            return ""
    return ""


def _without_rescaling(network: Network) -> tuple[Network, Scaling]:
    """Takes a Rescaling out of a network that begins with one; `_core` of `convert.tflite` makes more of it outside.

    Left inside, it would be an operation in 8 bits, whose result the first convolution has to do with.
    """
    import keras

    first = next((layer for layer in network.layers if type(layer).__name__ != "InputLayer"), None)
    begins = type(first).__name__ == "Rescaling" and "float" in str(network.inputs[0].dtype)
    if first is None or not begins or isinstance(first.scale, list | tuple) or isinstance(first.offset, list | tuple):
        return network, PIXELS
    try:
        behind = keras.Model(first.output, network.outputs[0])
    except (ValueError, AttributeError):  # something else takes the pixels, too
        return network, PIXELS
    return behind, Scaling((round(-first.offset / first.scale, 6),), (round(1 / first.scale, 6),))


def _least(scale: float | list[float]) -> float:
    return min(scale) if isinstance(scale, list | tuple) else float(scale)


def _save(network: Network, folder: Path, scaling: Scaling, softmax: bool) -> None:
    """Writes `model.keras`: raw pixels in, probabilities out, the value scaling where `convert` looks for it."""
    import keras

    whole = len(scaling.std) == 1
    scale, offset = _affine(scaling) if whole else (1.0, 0.0)
    inner = _network(network, PIXELS if whole else scaling, softmax)
    pixels = keras.Input(inner.input_shape[1:], dtype="uint8", name="image")
    rescale = keras.layers.Rescaling(scale, offset, name="scale")
    with quiet_output():
        keras.Model(pixels, inner(rescale(pixels)), name="classifier").save(folder / "model.keras")


def _export(network: Network, folder: Path, scaling: Scaling, softmax: bool) -> None:
    """Writes `saved_model/`: pixels in, probabilities out; `stored.load_network` puts the value scaling under it.

    The card's `input_range` names that; the scaling of single channels has no name there, and goes inside.
    """
    inside = scaling if len(scaling.std) > 1 else PIXELS
    with quiet_output():
        _network(network, inside, softmax).export(folder / SAVED_MODEL)


def _network(network: Network, scaling: Scaling, softmax: bool) -> Network:
    """Puts scaling before a network, and a softmax behind it where it gives logits."""
    import keras

    image = keras.Input(network.input_shape[1:], dtype="float32", name="pixels")
    tensor: Library = image
    if scaling != PIXELS:
        tensor = keras.layers.Rescaling(*_affine(scaling), name="normalize")(tensor)
    if "int" in str(network.inputs[0].dtype):
        tensor = keras.ops.cast(tensor, network.inputs[0].dtype)
    scores = network(tensor, training=False)
    if softmax:
        scores = keras.layers.Softmax(dtype="float32", name="scores")(scores)
    return keras.Model(image, scores, name="network")


def _affine(scaling: Scaling) -> tuple[float | list[float], float | list[float]]:
    """What turns a pixel into a value: pixel * scale + offset; a list where channels differ."""
    pairs = [(1 / std, -mean / std) for mean, std in zip(scaling.mean, scaling.std, strict=True)]
    if len(pairs) == 1:
        return pairs[0]
    return [scale for scale, _ in pairs], [offset for _, offset in pairs]

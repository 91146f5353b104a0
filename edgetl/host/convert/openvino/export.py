"""Keras to OpenVINO IR: what each recipe does to the network, and what it tries when its result misses the gate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from edgetl.card import ModelCard
from edgetl.device.inference.heads import DISTANCES, LOGITS
from edgetl.device.runtime.openvino import load_library
from edgetl.errors import ModelError
from edgetl.host.convert.calibration import FIRST_PHOTOS, MORE_PHOTOS, representative
from edgetl.host.convert.converter import Attempt, Files, Source
from edgetl.host.convert.openvino import quantize
from edgetl.host.convert.openvino.metadata import describe_in
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.untyped import Library, Network
from edgetl.quiet import quiet_output
from edgetl.target import RecipeName
from edgetl.vision.arrays import Image

INPUT = "image"
OUTPUTS = {1: ("scores",), 2: (LOGITS, DISTANCES)}
"""Names of a classifier's output and of a detector's, by their number, in the order of the Keras model's."""


def attempts(recipe: RecipeName, source: Source) -> Iterator[Attempt]:
    """See `edgetl.host.convert.converter.Converter`."""
    if recipe != "static_wi8_ai8":
        yield Attempt("", lambda: save(graph(source.model), source.card, half=recipe == "float16"))
        return

    def calibrated(photos: Image) -> Files:
        return save(quantize.quantize(graph(source.model), photos), source.card)

    def to_gate(photos: Image) -> Files:
        restored = quantize.quantize_to_gate(graph(source.model), photos, source.judge, source.gate)
        return save(restored, source.card)

    first = representative(source.judge.train, FIRST_PHOTOS, source.seed)
    yield Attempt("", partial(calibrated, first))
    more = representative(source.judge.train, MORE_PHOTOS, source.seed)
    if len(more) > len(first):
        yield Attempt(f"calibrated with {len(more)} photos", partial(calibrated, more))
    yield Attempt("the layers that cost most left in float", partial(to_gate, more))


def graph(model: Network) -> Library:
    """Converts a classifier or a detector; the graph takes raw pixels, as the Keras model does.

    Args:
        model: a `keras.Model` from (N, H, W, 3) uint8 pixels to (N, classes) probabilities, made by
            `edgetl.host.train.classifier.network`, or to two outputs, made by `edgetl.host.train.detector.network`.

    Returns:
        An `openvino.Model` from `image`, (1, H, W, 3) uint8, to `scores`, or to `logits` and `distances`.

    Raises:
        UnloadableRuntimeError: OpenVINO isn't installed.
        ModelError: the converter doesn't tell the outputs apart.
    """
    openvino = load_library()
    import_tensorflow()
    with quiet_output():
        converted = openvino.convert_model(model)
    converted.reshape([1, *model.input_shape[1:]])
    converted.input(0).get_tensor().set_names({INPUT})
    found = {name: port for port in converted.outputs for name in port.get_names()}
    keras_names = [tensor.name for tensor in model.outputs]
    if len(keras_names) not in OUTPUTS or len(converted.outputs) != len(keras_names) or not {*keras_names} <= {*found}:
        what = f"the converter gave the outputs {', '.join(found)} for the model's {', '.join(keras_names)}"
        raise ModelError(what, where=model.name, remedy="report this with the versions of openvino and keras")
    for keras_name, name in zip(keras_names, OUTPUTS[len(keras_names)], strict=True):
        found[keras_name].get_tensor().set_names({name})
    return converted


def save(converted: Library, card: ModelCard, *, half: bool = False) -> Files:
    """Makes the `.xml` and the `.bin` of an `openvino.Model`.

    Args:
        converted: gets the card.
        card: goes in.
        half: keep the weights in half floats.
    """
    describe_in(converted, card)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        load_library().save_model(converted, path, compress_to_fp16=half)
        return {".xml": path.read_bytes(), ".bin": path.with_suffix(".bin").read_bytes()}

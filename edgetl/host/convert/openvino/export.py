"""Converts Keras models to OpenVINO IR by each recipe, and offers further attempts if the first one misses the gate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from edgetl.card import ModelCard
from edgetl.device.inference.output_names import DISTANCES, LOGITS
from edgetl.device.runtime import Runtime
from edgetl.device.runtime.openvino import load_library
from edgetl.errors import ModelError
from edgetl.host.convert.calibration import FIRST_PHOTOS, MORE_PHOTOS, representative_dataset
from edgetl.host.convert.converter import Attempt, ConversionInput, Files
from edgetl.host.convert.gate.refusal import gate_margin
from edgetl.host.convert.openvino import quantize
from edgetl.host.convert.openvino.graph_protocols import Graph
from edgetl.host.convert.openvino.metadata import write_runtime_info
from edgetl.host.convert.saved_models import OUTPUT, SavedModels
from edgetl.quiet import quiet_output
from edgetl.target import RecipeName
from edgetl.vision.arrays import Image

INPUT = "image"
"""The name of the input in every file that edgetl makes."""

OUTPUTS = {1: ("scores",), 2: (LOGITS, DISTANCES)}
"""The names of a classifier's output and of a detector's outputs, by their number, in the order of the Keras model."""


def attempts(recipe: RecipeName, source: ConversionInput, *, search: bool = True) -> Iterator[Attempt]:
    """Yields ways to make an IR; see `edgetl.host.convert.converter.Converter`.

    Args:
        recipe: one of OpenVINO's recipes.
        source: the model.
        search: whether to yield more than the plain recipe.
    """
    if recipe != "static_wi8_ai8":
        yield Attempt("", lambda: save(graph(source.saved_models), source.card, half=recipe == "float16"))
        return

    def calibrated(photos: Image) -> Files:
        return save(quantize.quantize(graph(source.saved_models), photos), source.card)

    def margin(runtime: Runtime) -> float:
        return gate_margin(source.judge.measure(runtime), source.gate, source.card.task)

    def to_gate(photos: Image) -> Files:
        return save(quantize.quantize_to_gate(graph(source.saved_models), photos, margin), source.card)

    first = representative_dataset(source.judge.train, FIRST_PHOTOS, source.seed)
    yield Attempt("", partial(calibrated, first))
    if not search:
        return
    more = representative_dataset(source.judge.train, MORE_PHOTOS, source.seed)
    if len(more) > len(first):
        yield Attempt(f"calibrated with {len(more)} photos", partial(calibrated, more))
    yield Attempt("the layers that cost most left in float", partial(to_gate, more))


def graph(models: SavedModels) -> Graph:
    """Converts a classifier or a detector; the graph takes raw pixels, as the Keras model does.

    Args:
        models: a `keras.Model` from (N, H, W, 3) uint8 pixels to (N, classes) probabilities, made by
            `edgetl.host.train.classifier.network`, or to two outputs, made by `edgetl.host.train.detector.network`.

    Returns:
        An `openvino.Model` from `image`, (1, H, W, 3) uint8, to `scores`, (1, classes) float32, or to `logits`,
        (1, A, C) float32, and `distances`, (1, A, 4) float32.

    Raises:
        UnloadableRuntimeError: OpenVINO isn't installed.
        ModelError: the converter doesn't identify the outputs.
    """
    openvino = load_library()
    folder = models.whole
    with quiet_output():
        converted: Graph = openvino.convert_model(str(folder))
    converted.input(0).get_tensor().set_names({INPUT})
    found = {name: port for port in converted.outputs for name in port.get_names()}
    names = OUTPUTS.get(len(converted.outputs), ())
    wanted = [OUTPUT.format(i) for i in range(len(names))]
    if len(names) != len(models.model.outputs) or not {*wanted} <= {*found}:
        what = f"the converter named the outputs {', '.join(found)}, not {', '.join(wanted) or 'one or two'}"
        raise ModelError(what, where=models.model.name, remedy="report this with the versions of openvino and keras")
    for old, name in zip(wanted, names, strict=True):
        found[old].get_tensor().set_names({name})
    return converted


def save(converted: Graph, card: ModelCard, *, half: bool = False) -> Files:
    """Returns the contents of the `.xml` and `.bin` files of a graph.

    Args:
        converted: the graph; the card is written into its runtime info.
        card: the model's card.
        half: whether to store the weights as float16.
    """
    write_runtime_info(converted, card)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        load_library().save_model(converted, path, compress_to_fp16=half)
        return {".xml": path.read_bytes(), ".bin": path.with_suffix(".bin").read_bytes()}

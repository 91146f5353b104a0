"""Opens others' `.tflite` classifiers, which are bundled unchanged except for the scaling of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgetl.device.inference.describe_tflite import CARD_FILE, input_scaling
from edgetl.device.inference.description import is_classifier
from edgetl.device.inference.input_scaling import Scaling, stated_scaling
from edgetl.device.inference.output_scores import ending_of_tflite
from edgetl.device.inference.tflite_metadata import read_files, read_metadata
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError, UsageError
from edgetl.files import write_atomic
from edgetl.host.convert.converter import Attempt, ConversionInput
from edgetl.host.convert.foreign.foreign_model import PIXELS, Ending, ForeignModel
from edgetl.host.convert.tflite.metadata import embed
from edgetl.host.convert.tflite.scale_input import scale_input
from edgetl.host.networks.stored import TFLITE
from edgetl.host.networks.tflite_network import open_network


def open_tflite(path: Path) -> ForeignModel:
    """Opens a `.tflite` file.

    Args:
        path: the file.

    Raises:
        ModelError: the interpreter refuses the file, or it is not a classifier of images.
        UsageError: edgetl made the file.
    """
    if CARD_FILE in read_files(path):
        what = "the file carries edgetl's model card: it has been converted already"
        raise UsageError(what, where=str(path), remedy="run or evaluate it as it is, or convert its model of the store")
    network = open_network(path)
    runtime = network.runtime
    if not is_classifier(runtime) or runtime.input.dtype not in ("uint8", "int8", "float32"):
        shapes = ", ".join(f"{tensor.shape} {tensor.dtype}" for tensor in (runtime.input, *runtime.outputs))
        remedy = "edgetl bundles classifiers with one image input and one output, (1, classes); others it runs as files"
        raise ModelError(
            f"the model's input and outputs {shapes} are not a classifier's", where=str(path), remedy=remedy
        )
    scaling, note = _scaling(path, runtime.input)
    _, height, width, _ = runtime.input.shape
    output = runtime.outputs[0]
    return ForeignModel(
        path,
        network,
        (height, width),
        output.shape[1],
        scaling,
        note,
        output.scale,
        partial(_store, path),
        last=ending_of_tflite(path),
        takes_bytes=runtime.input.dtype != "float32",
    )


def _scaling(path: Path, image: Tensor) -> tuple[Scaling | None, str]:
    """Returns the scaling of pixels that the file states, None if it states none, and where it is stated.

    Raises:
        ModelError: the stated scaling is impossible; or a quantized input needs other bytes than those of the pixels.
    """
    metadata = read_metadata(path)
    if image.dtype == "float32":
        scaling = stated_scaling(path, metadata)
        return scaling, "the scaling is stated in the file's metadata" if scaling else ""
    if input_scaling(path, metadata, image):
        what = (
            f"the model's input is quantized with scale {image.scale:.4g} and zero point {image.zero_point}, "
            "which doesn't fit pixels 0..255"
        )
        remedy = "convert the Keras model that it was made from; or run the file as it is, with --labels"
        raise ModelError(what, where=str(path), remedy=remedy)
    return PIXELS, "the model takes bytes"


def _store(path: Path, folder: Path, scaling: Scaling, ending: Ending) -> None:
    """Writes `model.tflite`, which takes raw pixels; its outputs stay as they are, and the card says what they mean."""
    del ending
    write_atomic(folder / TFLITE, scale_input(path.read_bytes(), scaling.mean, scaling.std))


def attempts(source: ConversionInput) -> Iterator[Attempt]:
    """Yields the only way to bundle an imported `.tflite` file, the recipe `as_given`: the file with its card.

    Args:
        source: the imported model.
    """
    yield Attempt("", lambda: {".tflite": embed(source.tflite_file, source.card)})

"""Opens others' SavedModels if they do nothing but compute, and stores them in edgetl's form."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.convert.foreign.adapt_network import require_classifier, shape_of, wrap_network
from edgetl.host.convert.foreign.foreign_model import PIXELS, Ending, ForeignModel
from edgetl.host.convert.foreign.saved_model_operations import require_only_computing
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.keras_file import require_content
from edgetl.host.networks.stored import SAVED_MODEL, saved_network
from edgetl.host.networks.untyped import Network
from edgetl.quiet import quiet_output
from edgetl.text import first_line


def open_saved_model(path: Path) -> ForeignModel:
    """Opens the folder of a SavedModel.

    Args:
        path: the folder.

    Raises:
        ModelError: TensorFlow can't open it; or it does more than compute; or it is not a classifier of images.
    """
    tf = import_tensorflow()
    require_content(path / "saved_model.pb")
    odd = next((file for file in path.rglob("*") if not (file.is_file() or file.is_dir())), None)
    if odd:  # TensorFlow would wait for a FIFO
        what = f"the SavedModel contains something that is not a regular file: {odd.relative_to(path)}"
        raise ModelError(what, where=str(path), remedy="copy the whole folder again")
    try:
        with quiet_output():
            require_only_computing(path)
            signatures = tf.saved_model.load(str(path)).signatures
            name = next((n for n in ("serving_default", "serve", *signatures) if n in signatures), "")
            if not name:
                what, remedy = "the SavedModel has no signature", "write it with model.export()"
                raise ModelError(what, where=str(path), remedy=remedy)
            inputs = list(signatures[name].structured_input_signature[1].values())
            outputs = list(signatures[name].structured_outputs.values())
            shapes = ([shape_of(spec) for spec in specs] for specs in (inputs, outputs))
            size, classes = require_classifier(path, *shapes)
            network = saved_network(path, name, size, inputs[0].dtype.name)
    except ModelError:
        raise
    except Exception as error:  # TensorFlow and its protocol buffers raise errors of many types
        what = f"TensorFlow can't open the SavedModel: {first_line(error)}"
        raise ModelError(what, where=str(path), remedy="copy the whole folder again, with variables/") from error
    takes_bytes = not inputs[0].dtype.is_floating
    scaling, note = (PIXELS, "the model takes bytes") if takes_bytes else (None, "")
    write = partial(_export, network)
    return ForeignModel(path, network, size, classes, scaling, note, 0.0, write, takes_bytes=takes_bytes)


def _export(network: Network, folder: Path, scaling: Scaling, ending: Ending) -> None:
    """Writes `saved_model/`, which takes pixels and gives probabilities.

    `stored.load_network` applies the value scaling that the card's `input_range` names. A scaling that differs between
    channels has no name there, so it goes into the SavedModel.
    """
    inside = scaling if len(scaling.std) > 1 else PIXELS
    with quiet_output():
        wrap_network(network, inside, ending).export(folder / SAVED_MODEL)

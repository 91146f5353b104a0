"""SavedModels of others' making, opened if all they do is compute, and stored as ours are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.convert.foreign.graph import require_classifier, shape_of, surround
from edgetl.host.convert.foreign.model import PIXELS, Ending, ForeignModel
from edgetl.host.convert.foreign.saved_model_operations import require_only_computing
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.keras_file import require_content
from edgetl.host.networks.stored import SAVED_MODEL, saved_network
from edgetl.host.networks.untyped import Network
from edgetl.quiet import quiet_output
from edgetl.text import first_line


def open_saved_model(path: Path) -> ForeignModel:
    """Opens a SavedModel's folder.

    Raises:
        ModelError: TensorFlow can't open it; or it reads or writes files; or it is no classifier of images.
    """
    tf = import_tensorflow()
    require_content(path / "saved_model.pb")
    odd = next((file for file in path.rglob("*") if not (file.is_file() or file.is_dir())), None)
    if odd:  # TensorFlow would wait for a FIFO
        what = f"the SavedModel has something in it that is no regular file: {odd.relative_to(path)}"
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
    except Exception as error:  # TensorFlow's own kinds, and those of its protocol buffers
        what = f"TensorFlow can't open the SavedModel: {first_line(error)}"
        raise ModelError(what, where=str(path), remedy="copy the whole folder again, variables/ too") from error
    told = "" if inputs[0].dtype.is_floating else "the model takes bytes"
    return ForeignModel(path, network, size, classes, PIXELS if told else None, told, 0.0, partial(_export, network))


def _export(network: Network, folder: Path, scaling: Scaling, ending: Ending) -> None:
    """Writes `saved_model/`: pixels in, probabilities out; `stored.load_network` puts the value scaling under it.

    The card's `input_range` names that; the scaling of single channels has no name there, and goes inside.
    """
    inside = scaling if len(scaling.std) > 1 else PIXELS
    with quiet_output():
        surround(network, inside, ending).export(folder / SAVED_MODEL)

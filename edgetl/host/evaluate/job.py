"""Evaluates any model on labelled photos: what `edgetl eval` does."""

from __future__ import annotations

from pathlib import Path

from edgetl import store
from edgetl.argument_types import path_argument, text_argument
from edgetl.bundle import is_bundle
from edgetl.device.inference.model import Model
from edgetl.errors import UsageError
from edgetl.find_bundle import find_bundle
from edgetl.host.evaluate import classifier, detector
from edgetl.host.evaluate.detector import DetectorResult
from edgetl.host.evaluate.top1 import Evaluation


def evaluate(
    model: Path | str,
    data: Path | str | None = None,
    *,
    labels: Path | str | None = None,
    variant: str | None = None,
) -> Evaluation | DetectorResult:
    """Measures the accuracy of a stored model, a bundle, a `.tflite` file or an OpenVINO `.xml` on labelled photos.

    Args:
        model: the name of a stored model, or the path of a bundle or file.
        data: the folder of photos: for a classifier, class folders with the names of its labels; for a detector,
            photos with boxes of its classes. The test part is used if there is one, else the validation part, else all
            photos. None uses the validation split of the training; so does the folder of the training's photos if it
            has no parts.
        labels: a text file with one label a line, for a model file that does not contain its labels.
        variant: the name of a variant of the bundle.

    Returns:
        An `Evaluation` of a classifier, or a `DetectorResult`.

    Raises:
        UsageError: there is no such model, or a variant or labels were given for a stored model.
        DatasetError: the photos can't be used, are for the other task, or have a class that the model does not know.
    """
    model, data = text_argument(model, "model"), None if data is None else path_argument(data, "data")
    labels = None if labels is None else path_argument(labels, "labels")
    stored = stored_model(model)
    if stored:
        refuse_file_options(stored, variant, labels)
        if stored.card.task == "detection":
            return detector.evaluate_stored(stored, data)
        return classifier.evaluate_stored(stored, data)
    with Model.open(find_bundle(model), variant=variant, labels=labels) as opened:
        if opened.card.task == "detection":
            return detector.evaluate_opened(opened, data)
        return classifier.evaluate_opened(opened, data)


def refuse_file_options(stored: store.StoredModel, variant: str | None, labels: Path | None) -> None:
    """Raises a UsageError if an option that is for bundles and files was given for a stored model."""
    if variant or labels:
        remedy = f"name the bundle, e.g. {stored.folder / 'rpi'}"
        raise UsageError("--variant and --labels are for bundles and files", where=stored.name, remedy=remedy)


def stored_model(model: str) -> store.StoredModel | None:
    """Returns the stored model of a name; None if the name is a path.

    A folder of photos may have the name of the model that was trained on it. A folder is therefore read as a path
    only if it is a bundle or if no stored model has its name.

    Args:
        model: the name of a stored model, or the path of a bundle or file.

    Raises:
        UsageError: there is no such model.
    """
    path = Path(model)
    if model.endswith((".tflite", ".xml")) or is_bundle(path) or (path.exists() and not store.has(model)):
        return None
    if store.has(path.parent.name) and not store.has(model):
        return None  # NAME/TARGET
    return store.open_model(model)

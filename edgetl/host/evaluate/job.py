"""Measures any model on labelled photos."""

from __future__ import annotations

from pathlib import Path

from edgetl import store
from edgetl.bundle import is_bundle
from edgetl.device.inference.model import Model
from edgetl.errors import UsageError
from edgetl.find_bundle import find_bundle
from edgetl.host.evaluate import classifier, detector
from edgetl.host.evaluate.classifier import Evaluation
from edgetl.host.evaluate.detector import DetectorResult


def evaluate(
    model: str, data: Path | None, *, labels: Path | None = None, variant: str | None = None
) -> Evaluation | DetectorResult:
    """Measures a model of the store, a bundle, a `.tflite` file or an OpenVINO `.xml` on labelled photos.

    Args:
        model: a store's name, or a path.
        data: for a classifier, class folders named as the labels; for a detector, photos with boxes of its classes.
            Its test part is taken where it has one, else its validation part. None, and the photos that the model was
            trained on where they have neither, stand for the validation split it was trained with.
        labels: for a file that doesn't carry its own.
        variant: the name of one of the bundle's.

    Raises:
        UsageError: there is no such model, or it is one of the store and a variant or labels were named.
        DatasetError: the photos can't be used, are of the other task, or a class is unknown to the model.
    """
    stored = _stored(model)
    if stored:
        if variant or labels:
            remedy = f"name the bundle, e.g. {stored.folder / 'rpi'}"
            raise UsageError("--variant and --labels are of bundles and files", where=model, remedy=remedy)
        if stored.card.task == "detection":
            return detector.evaluate_stored(stored, data)
        return classifier.evaluate_stored(stored, data)
    with Model.open(find_bundle(model), variant=variant, labels=labels) as opened:
        if opened.card.task == "detection":
            return detector.evaluate_opened(opened, data)
        return classifier.evaluate_opened(opened, data)


def _stored(model: str) -> store.StoredModel | None:
    """The model of the store that is meant; None where it is a path.

    The photos' folder may well be called as the model trained on it, so a folder counts only where the store has no
    such model, or where it is a bundle.
    """
    path = Path(model)
    if model.endswith((".tflite", ".xml")) or is_bundle(path) or (path.exists() and not store.has(model)):
        return None
    if store.has(path.parent.name) and not store.has(model):
        return None  # NAME/TARGET
    return store.open_model(model)


def describe(result: Evaluation | DetectorResult, *, as_json: bool = False) -> str:
    """Returns the figures as a table for people, or as JSON."""
    if isinstance(result, DetectorResult):
        return detector.describe(result, as_json=as_json)
    return classifier.describe(result, as_json=as_json)

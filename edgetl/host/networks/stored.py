"""A model of the store together with its network and the data set it was trained on, or is judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgetl import store
from edgetl.card import InputSpec, ModelCard
from edgetl.errors import DatasetError, ModelError
from edgetl.host.console import console
from edgetl.host.dataset.boxes.load import BoxedDataset, load_boxed
from edgetl.host.dataset.load import Dataset, Photos, load_dataset
from edgetl.host.networks.backend import import_keras, import_tensorflow
from edgetl.host.networks.tflite_network import open_network
from edgetl.host.networks.untyped import Network
from edgetl.quiet import quiet_output

D_co = TypeVar("D_co", Dataset, BoxedDataset, covariant=True)

SAVED_MODEL = "saved_model"
"""The folder of a stored model that TensorFlow wrote, beside its card."""
TFLITE = "model.tflite"
"""The file of a stored model that came as such."""


def dataset_of(card: ModelCard, data: str | None = None) -> Dataset:
    """Opens the class folders that a classifier was trained on, split as they were then.

    Args:
        card: of the model.
        data: the folder, where it has moved.

    Raises:
        ModelError: the card doesn't name a data set.
        DatasetError: the photos are gone, or have changed.
    """
    return in_columns(card.labels, _unchanged(card, data, load_dataset))


def in_columns(labels: tuple[str, ...], data: Dataset) -> Dataset:
    """Returns a data set whose classes are columns of a model's output, in whatever order that has them.

    Raises:
        DatasetError: a class that the model doesn't know.
    """
    unknown = sorted(set(data.labels) - set(labels))
    if unknown:
        what = f"the model doesn't know the classes {', '.join(unknown[:5])}"
        remedy = f"name the class folders as its labels: {', '.join(labels[:5])} …"
        raise DatasetError(what, where=data.info.path, remedy=remedy)
    columns = np.array([labels.index(label) for label in data.labels], np.int64)
    train, val = (replace(side, classes=columns[side.classes]) for side in (data.train, data.val))
    return replace(data, labels=labels, train=train, val=val)


def boxed_dataset_of(card: ModelCard, data: str | None = None) -> BoxedDataset:
    """Opens the photos with boxes that a detector was trained on; see `dataset_of`."""
    return _unchanged(card, data, load_boxed)


class _Load(Protocol[D_co]):
    """`load_dataset` or `load_boxed`."""

    def __call__(self, root: Path, spec: InputSpec, *, val_fraction: float, seed: int) -> D_co: ...


def _unchanged(card: ModelCard, data: str | None, load: _Load[D_co]) -> D_co:
    if card.dataset is None:
        raise ModelError("the model's card names no data set", where=card.name, remedy="name one with --data")
    info = card.dataset
    folder = Path(data or info.path)
    if data is None and not folder.exists():
        what = f"the photos that {card.name} was trained on are gone"
        remedy = "name the folder where they are now: `edgetl convert … --data FOLDER`, `edgetl eval MODEL FOLDER`"
        raise DatasetError(what, where=str(folder), remedy=remedy)
    found = load(folder, card.input, val_fraction=info.val_fraction, seed=info.seed)
    if (found.info.fingerprint, found.info.split) != (info.fingerprint, info.split):
        raise DatasetError(
            "the photos have changed since the model was trained: its validation photos are no longer known",
            where=str(folder),
            remedy="bring them back, or train again; `edgetl convert` takes a folder that moved with --data",
        )
    return found


def warn_of_learnt_photos(card: ModelCard) -> None:
    """Says that photos to measure on may be those that a model learnt from, since they can't be told apart."""
    told = f"warning: {card.name} was trained on photos of these classes, and these may be among them: "
    console.print(told + "its validation split is not known here, and what was learnt by heart looks too good")


def load_network(stored: store.StoredModel) -> Network:
    """Loads a model's network, whatever kind of file it is stored as.

    Returns:
        What answers `predict_on_batch`: a `keras.Model`, or, of a model that came as a `.tflite`, a `TFLiteNetwork`.

    Raises:
        ModelError: the file is missing or damaged.
    """
    stored = store.relocate(stored)
    if (stored.folder / TFLITE).is_file():
        return open_network(stored.folder / TFLITE, stored.card)
    if not (stored.folder / SAVED_MODEL).is_dir():
        return load_keras(stored)
    try:
        with quiet_output():
            return _over_saved_model(stored.folder / SAVED_MODEL, stored.card)
    except Exception as error:  # TensorFlow's own kinds, and those of its protocol buffers
        what = f"the SavedModel can't be loaded: {(str(error).splitlines() or [''])[0]}"
        raise ModelError(what, where=str(stored.folder / SAVED_MODEL), remedy="convert it --from its origin") from error


def saved_network(folder: Path, signature: str, size: tuple[int, int], dtype: str = "float32") -> Network:
    """Wraps a signature of a SavedModel, of one input and one output, into a `keras.Model`.

    Args:
        folder: of the SavedModel; trusted to do nothing but compute.
        signature: its name.
        size: height and width of the input, px.
        dtype: of the input.
    """
    import_tensorflow()
    import keras

    image = keras.Input((*size, 3), dtype=dtype, name="image")
    answer = keras.layers.TFSMLayer(str(folder), call_endpoint=signature, trainable=False)(image)
    return keras.Model(image, next(iter(answer.values())) if isinstance(answer, dict) else answer)


def _over_saved_model(folder: Path, card: ModelCard) -> Network:
    """A classifier as `edgetl.host.train.classifier.network` makes it, with a SavedModel for its backbone and head."""
    height, width = card.input.height, card.input.width
    network = saved_network(folder, "serve", (height, width))
    import keras

    from edgetl.host.networks.scales import SCALES

    pixels = keras.Input((height, width, 3), dtype="uint8", name="image")
    scale = keras.layers.Rescaling(*SCALES[card.backbone.input_range if card.backbone else "0..255"], name="scale")
    return keras.Model(pixels, network(scale(pixels)), name="classifier")


def load_keras(stored: store.StoredModel) -> Network:
    """Loads a model's Keras file.

    Raises:
        ModelError: the file is missing or damaged.
    """
    stored = store.relocate(stored)
    import_keras()
    import keras

    try:
        with quiet_output():
            return keras.saving.load_model(stored.weights, compile=False)
    except Exception as error:  # Keras raises whatever its zip, JSON and HDF5 readers do
        what = f"the Keras model can't be loaded: {(str(error).splitlines() or [''])[0]}"
        raise ModelError(what, where=str(stored.weights), remedy="train it again") from error


def predict(model: Network, photos: Photos) -> NDArray[np.float32]:
    """Returns a classifier's (N, classes) float32 probabilities of N photos."""
    starts = range(0, len(photos), 64)
    return np.concatenate([model.predict_on_batch(photos.batch(slice(s, s + 64))) for s in starts])

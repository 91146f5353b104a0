"""Opens a stored model's network, and the data set that it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from edgetl import store
from edgetl.card import InputSpec, ModelCard
from edgetl.errors import DatasetError, ModelError
from edgetl.host.console import warn
from edgetl.host.dataset.boxes.load import BoxedDataset, load_boxed
from edgetl.host.dataset.load import Dataset, Photos, load_dataset
from edgetl.host.networks.backend import import_keras, import_tensorflow
from edgetl.host.networks.input_range import SCALES
from edgetl.host.networks.tflite_network import open_network
from edgetl.host.networks.untyped import Network, Predictor
from edgetl.quiet import quiet_output

_BATCH = 64
"""Photos are predicted in batches of this many, which fit a small machine's memory."""

D_co = TypeVar("D_co", Dataset, BoxedDataset, covariant=True)

SAVED_MODEL = "saved_model"
"""The folder beside the card of a stored model that TensorFlow wrote."""
TFLITE = "model.tflite"
"""The file beside the card of a stored model that was imported as a `.tflite`."""


def dataset_of(card: ModelCard, data: str | None = None) -> Dataset:
    """Opens the class folders that a classifier was trained on, with the split of its training.

    Args:
        card: the model's card.
        data: the folder if it has moved; None takes the folder that the card names.

    Raises:
        ModelError: the card doesn't name a data set.
        DatasetError: the photos are gone or have changed.
    """
    return in_columns(card.labels, _unchanged(card, data, load_dataset))


def in_columns(labels: tuple[str, ...], data: Dataset) -> Dataset:
    """Returns a data set whose class ids are the columns of a model's output.

    Args:
        labels: the model's labels, in the order of its output.
        data: the data set; its classes are some or all of the labels, in any order.

    Raises:
        DatasetError: the data set has a class that the model doesn't know.
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
    """Opens the photos with boxes that a detector was trained on, see `dataset_of`."""
    return _unchanged(card, data, load_boxed)


class _Load(Protocol[D_co]):
    """The type of `load_dataset` and `load_boxed`."""

    def __call__(self, root: Path, spec: InputSpec, *, val_fraction: float, seed: int) -> D_co: ...


def _unchanged(card: ModelCard, data: str | None, load: _Load[D_co]) -> D_co:
    """Loads the data set of a card, and compares its photos and its split with the card's."""
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
            remedy="bring them back, or train again; if the folder has moved, name it with `edgetl convert --data`",
        )
    return found


def warn_of_learnt_photos(card: ModelCard) -> None:
    """Prints that photos to measure a model on may be among those that it was trained on."""
    warn(
        f"{card.name} was trained on photos of these classes, and these may be among them: its validation "
        "split is not known here, and a model does better on photos that it was trained on"
    )


def load_network(stored: store.StoredModel) -> Network:
    """Loads a model's network from any kind of file that the store has.

    Returns:
        A `keras.Model`; or, for a model that was imported as a `.tflite`, a `TFLiteNetwork`, which only predicts.

    Raises:
        ModelError: the file is missing or damaged.
    """
    stored = store.relocate(stored)
    if (stored.folder / TFLITE).is_file():
        return cast("Network", open_network(stored.folder / TFLITE, stored.card))
    if not (stored.folder / SAVED_MODEL).is_dir():
        return load_keras(stored)
    try:
        with quiet_output():
            return _over_saved_model(stored.folder / SAVED_MODEL, stored.card)
    except Exception as error:  # TensorFlow and its protocol buffers raise kinds of their own
        what = f"the SavedModel can't be loaded: {(str(error).splitlines() or [''])[0]}"
        raise ModelError(what, where=str(stored.folder / SAVED_MODEL), remedy="convert it --from its origin") from error


def saved_network(folder: Path, signature: str, size: tuple[int, int], dtype: str = "float32") -> Network:
    """Wraps a signature of a SavedModel, with one input and one output, into a `keras.Model`.

    Args:
        folder: the SavedModel's folder, which is trusted to do nothing but compute.
        signature: the signature's name.
        size: the input's height and width, px.
        dtype: the input's dtype.
    """
    import_tensorflow()
    import keras

    image = keras.Input((*size, 3), dtype=dtype, name="image")
    answer = keras.layers.TFSMLayer(str(folder), call_endpoint=signature, trainable=False)(image)
    network: Network = keras.Model(image, next(iter(answer.values())) if isinstance(answer, dict) else answer)
    return network


def _over_saved_model(folder: Path, card: ModelCard) -> Network:
    """Returns a classifier like those of `edgetl.host.train.classifier.network`, around a SavedModel."""
    height, width = card.input.height, card.input.width
    network = saved_network(folder, "serve", (height, width))
    import keras

    pixels = keras.Input((height, width, 3), dtype="uint8", name="image")
    scale = keras.layers.Rescaling(*SCALES[card.backbone.input_range if card.backbone else "0..255"], name="scale")
    classifier: Network = keras.Model(pixels, network(scale(pixels)), name="classifier")
    return classifier


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
            network: Network = keras.saving.load_model(stored.weights, compile=False)
            return network
    except Exception as error:  # Keras raises the errors of its zip, JSON and HDF5 readers
        what = f"the Keras model can't be loaded: {(str(error).splitlines() or [''])[0]}"
        raise ModelError(what, where=str(stored.weights), remedy="train it again") from error


def predict(model: Predictor, photos: Photos) -> NDArray[np.float32]:
    """Returns a classifier's probabilities for N photos, (N, classes) float32, 0..1."""
    starts = range(0, len(photos), _BATCH)
    return np.concatenate([model.predict_on_batch(photos.batch(slice(s, s + _BATCH))) for s in starts])

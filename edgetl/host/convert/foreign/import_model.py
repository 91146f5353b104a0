"""A classifier trained elsewhere into the store, from where it is converted as one of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl import store
from edgetl.card import Backbone, ClassifierDecoding, InputSpec, ModelCard
from edgetl.device.inference.describe_tflite import read_labels
from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import DatasetError, ModelError, UsageError
from edgetl.files import friendly_os_errors, sha256_of, temporary_folder, write_atomic
from edgetl.host.console import console
from edgetl.host.convert.foreign.find_scaling import SCALINGS, common_share, settle
from edgetl.host.convert.foreign.keras import open_keras
from edgetl.host.convert.foreign.model import Ending, ForeignModel
from edgetl.host.convert.foreign.saved_model import open_saved_model
from edgetl.host.convert.foreign.tflite import open_tflite
from edgetl.host.dataset.boxes import is_boxed
from edgetl.host.dataset.load import Dataset, Photos, load_dataset
from edgetl.host.dataset.photos import fingerprint
from edgetl.host.networks.stored import in_columns
from edgetl.schema import to_toml
from edgetl.store.model import derived_name

FOREIGN = "foreign"
"""The backbone's name in the card of such a model."""
OPENERS: dict[str, Callable[[Path], ForeignModel]] = {
    ".keras": open_keras,
    ".h5": open_keras,
    ".hdf5": open_keras,
    ".tflite": open_tflite,
}
JUDGED = 0.5
"""The share of the photos that judge; nothing learns from the others, which calibrate."""
EVEN = 0.5
"""The display threshold of scores that sigmoids gave: below it, that the class is not there is more likely."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a file doesn't tell.

    Attributes:
        path: a `.keras`, `.h5` or `.tflite` file, or a SavedModel's folder.
        data: class folders, called as labels.
        labels: a text file, one a line, in the order of the model's outputs.
        name: in the store; empty: as the file is called.
        color: the order of the channels that the model takes.
        resize: how a photo gets the input's shape; see `edgetl.card.InputSpec`.
        scale: a key of `scaling.SCALINGS`; None: found out.
        seed: of the split into photos that calibrate and photos that judge.
    """

    path: str
    data: str
    labels: Path
    name: str = ""
    color: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["stretch", "crop", "letterbox"] = "stretch"
    scale: str | None = None
    seed: int = 0


def import_model(options: ImportOptions) -> store.StoredModel:
    """Puts a classifier trained elsewhere into the store.

    Raises:
        UsageError: no such file or labels, a model that is in the store already, one that has the name already, or a
            scaling that can't be found out.
        ModelError: the file can't be opened, is no classifier of images, or the labels don't fit.
        DatasetError: the photos can't be used.
    """
    path = Path(options.path)
    name = _free_name(options.name or derived_name(path.stem))
    opener = _opener(path)
    read_labels(options.labels)  # that they are wrong is said before a model is opened
    model = opener(path)
    labels = read_labels(options.labels, model.classes)
    _require_fit(model, labels, options.labels)
    height, width = model.size
    spec = InputSpec(height, width, color=options.color, resize=options.resize)
    data = _load(options, spec, labels)
    labels = data.labels
    scaling = settle(model, data.train, options.scale, options.color)
    scores = _scores(model, data.val, scaling)
    ending = model.ending(scores)
    decoding = _decoding(model, scores, ending)
    top1 = _top1(model.classes_of(scores), data.val, labels)
    card = ModelCard(
        name,
        "classification",
        labels,
        spec,
        decoding,
        _origin(path, scaling),
        data.info,
        {"top1": round(top1, 4)},
        datetime.now(UTC).isoformat(timespec="seconds"),
        version("edgetl"),
    )
    return _put(card, model, scaling, ending, options)


def _free_name(name: str) -> str:
    if store.has(store.check_new_name(name)):
        remedy = f"edgetl convert {name}, which converts it; or another --name; or edgetl models remove {name}"
        raise UsageError(f"the store has a model {name!r} already", where=str(store.root()), remedy=remedy)
    return name


def _opener(path: Path) -> Callable[[Path], ForeignModel]:
    if not path.exists():
        raise UsageError("there is no such model file", where=str(path), remedy="check the path given to --from")
    inside = path if path.is_dir() else path.parent
    if (inside / "card.json").is_file():
        what = "this is a model of edgetl's, with its card beside it"
        remedy = f"edgetl convert {inside.name}, with EDGETL_MODELS={inside.resolve().parent} if that is elsewhere"
        raise UsageError(what, where=str(path), remedy=remedy)
    if (path / "saved_model.pb").is_file():
        return open_saved_model
    if path.is_dir() or path.suffix.lower() not in OPENERS:
        what = f"neither a {', '.join(OPENERS)} file nor the folder of a SavedModel"
        remedy = "write it with model.save('model.keras') or model.export('FOLDER')"
        raise ModelError(what, where=str(path), remedy=remedy)
    return OPENERS[path.suffix.lower()]


def _require_fit(model: ForeignModel, labels: tuple[str, ...], file: Path) -> None:
    wanted = (1, 2) if model.classes == 1 else (model.classes,)
    if len(labels) not in wanted:
        outputs = "1 output" if model.classes == 1 else f"{model.classes} outputs"
        what = f"the model has {outputs}, {file.name} {len(labels)} lines"
        remedy = "give one label a line, in the order of the outputs; Keras takes folders in alphabetical order"
        if model.classes == 1:
            remedy = "give two labels: the one of which the output is the score comes second, as in Keras"
        raise ModelError(what, where=str(file), remedy=remedy)
    if model.classes == 1 and model.last == "softmax":
        what = "the model has one output, behind a softmax, which is 1 whatever a photo shows"
        remedy = "train it with a sigmoid, or with one output a class"
        raise ModelError(what, where=str(model.path), remedy=remedy)


def _load(options: ImportOptions, spec: InputSpec, labels: tuple[str, ...]) -> Dataset:
    root = Path(options.data)
    if root.is_dir() and is_boxed(root):
        what = "the photos have boxes, but the model is a classifier"
        raise DatasetError(what, where=str(root), remedy="give photos in folders named as its labels")
    found = load_dataset(root, spec, val_fraction=JUDGED, seed=options.seed)
    if len(labels) == 1:
        labels = _with_opposite(labels[0], found)
    data = in_columns(labels, found)
    console.print(f"{len(data.train)} photos to calibrate with, {len(data.val)} to judge by")
    return data


def _with_opposite(label: str, data: Dataset) -> tuple[str, str]:
    """The two labels of a model whose only output is the score of one: the other folder's name comes first.

    Raises:
        DatasetError: the photos are not of two classes, one of them the label's.
    """
    others = [name for name in data.labels if name != label]
    if len(others) != 1 or label not in data.labels:
        what = f"the model's only output is the score of {label}: photos with it and without it are needed"
        remedy = f"put them in two folders, one of them called {label}"
        raise DatasetError(what, where=data.info.path, remedy=remedy)
    console.print(f"outputs: one, the score of {label}; what is left to 1 is that of {others[0]}", markup=False)
    return others[0], label


def _scores(model: ForeignModel, photos: Photos, scaling: Scaling) -> NDArray[np.float32]:
    starts = range(0, len(photos), 64)  # never all of them in memory
    scores = np.concatenate([model.predict(photos.batch(slice(s, s + 64)), scaling) for s in starts])
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        what = f"the model's scores are no finite numbers on {bad} of {len(photos)} photos"
        remedy = "see that --scale is as in training; if it is, the model's weights are damaged: train it again"
        raise ModelError(what, where=str(model.path), remedy=remedy)
    return scores


def _decoding(model: ForeignModel, scores: NDArray[np.float32], ending: Ending) -> ClassifierDecoding:
    """What the card says of the outputs; of a `.tflite` that is all, for its graph stays as it is."""
    as_it_is = model.path.suffix.lower() == ".tflite"
    if ending == "softmax":
        console.print("outputs: no probabilities, they don't sum to one: a softmax is added")
        return ClassifierDecoding("logits" if as_it_is else "probabilities")
    if ending == "sigmoid_pair":
        console.print("outputs: one, which is no score: a sigmoid is added")
        return ClassifierDecoding("logits" if as_it_is else "probabilities")
    if ending == "pair":
        return ClassifierDecoding("independent" if as_it_is else "probabilities")
    if model.are_independent(scores):
        console.print("outputs: scores that don't sum to one: each class is judged by itself, shown from 0.5 on")
        return ClassifierDecoding("independent", EVEN)
    return ClassifierDecoding("probabilities")


def _top1(predicted: NDArray[np.int64], photos: Photos, labels: tuple[str, ...]) -> float:
    top1 = float((predicted == photos.classes).mean())
    if top1 <= common_share(photos.classes):
        often = labels[int(np.bincount(photos.classes).argmax())]
        console.print(
            f"warning: top-1 {top1:.1%} is no better than to say {often} of every photo: "
            "are --labels in the order of the outputs, --color and --scale as in training?",
            markup=False,
        )
    return top1


def _origin(path: Path, scaling: Scaling) -> Backbone:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    digests = (f"{file.relative_to(path).as_posix()} {sha256_of(file)}" for file in files)
    digest = fingerprint(digests) if files else sha256_of(path)
    return Backbone(FOREIGN, 1.0, path.name, digest, _input_range(scaling))


def _input_range(scaling: Scaling) -> Literal["-1..1", "0..1", "0..255"]:
    """The range that a scaling is called by; one that has no name there is inside of the model, which takes pixels."""
    names: tuple[Literal["-1..1", "0..1"], ...] = ("-1..1", "0..1")
    return next((name for name in names if scaling == SCALINGS[name]), "0..255")


def _put(
    card: ModelCard, model: ForeignModel, scaling: Scaling, ending: Ending, options: ImportOptions
) -> store.StoredModel:
    places = {key: str(Path(getattr(options, key)).absolute()) for key in ("path", "data", "labels")}
    settled = asdict(options) | places | {"name": card.name}
    del settled["scale"]  # mean and std tell what came of it
    settled |= {"mean": scaling.mean, "std": scaling.std}
    with friendly_os_errors(store.root()), temporary_folder(store.root() / card.name) as work:
        model.write(work, scaling, ending)
        write_atomic(work / "card.json", card.to_json())
        write_atomic(work / "import.toml", to_toml(settled).encode("utf-8", "backslashreplace"))
        return store.put(card.name, work).model

"""Imports a classifier that was trained elsewhere into the store, from where it is converted like any other model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from edgetl import store
from edgetl.argument_types import convert_fields, object_argument
from edgetl.card import Backbone, InputSpec, ModelCard
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.labels import read_labels
from edgetl.errors import DatasetError, ModelError, UsageError
from edgetl.files import friendly_os_errors, sha256_of, temporary_folder, write_atomic
from edgetl.host.console import console
from edgetl.host.convert.foreign.describe_outputs import (
    describe_outputs,
    final_scores,
    measure_outputs,
    measure_top1,
)
from edgetl.host.convert.foreign.find_scaling import SCALINGS, find_scaling
from edgetl.host.convert.foreign.foreign_model import Ending, ForeignModel
from edgetl.host.convert.foreign.open_keras import open_keras
from edgetl.host.convert.foreign.open_saved_model import open_saved_model
from edgetl.host.convert.foreign.open_tflite import open_tflite
from edgetl.host.dataset.boxes.read import is_boxed
from edgetl.host.dataset.load import Dataset, load_dataset
from edgetl.host.dataset.photos import fingerprint
from edgetl.host.evaluate.answer_distribution import classifier_profile
from edgetl.host.networks.stored import in_columns
from edgetl.schema import to_toml
from edgetl.store.model import derived_name
from edgetl.text import counted

FOREIGN = "foreign"
"""The backbone's name in the card of an imported model."""

OPENERS: dict[str, Callable[[Path], ForeignModel]] = {
    ".keras": open_keras,
    ".h5": open_keras,
    ".hdf5": open_keras,
    ".tflite": open_tflite,
}
"""The function that opens each kind of model file, by its suffix."""

VALIDATION_SHARE = 0.5
"""This share of the photos is for evaluation. The other half is enough to calibrate with: nothing is trained."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The model to import, and the facts that its file doesn't contain.

    Example:
        >>> from pathlib import Path
        >>> import edgetl
        >>> options = edgetl.ImportOptions("flowers.keras", "photos", Path("labels.txt"), scale="0..1")
        >>> options.color
        'rgb'

    Attributes:
        path: a `.keras`, `.h5` or `.tflite` file, or the folder of a SavedModel.
        data: a folder of photos in class folders that are named like the labels.
        labels: a text file with one label a line, in the order of the model's outputs.
        name: the model's name in the store; empty for the file's name.
        color: the order of the channels that the model takes.
        resize: how a photo is fitted to the input's shape; see `edgetl.card.InputSpec`.
        scale: the scaling of pixels, a key of `find_scaling.SCALINGS`; None if it is to be found out.
        seed: the seed of the split into photos for calibration and photos for evaluation.
    """

    path: str
    data: str
    labels: Path
    name: str = ""
    color: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["stretch", "crop", "letterbox"] = "stretch"
    scale: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        convert_fields(self)


def import_model(options: ImportOptions) -> store.StoredModel:
    """Puts a classifier that was trained elsewhere into the store.

    Args:
        options: the model, and the facts that its file doesn't contain.

    Raises:
        UsageError: there is no such file or labels, or edgetl made the model, or the store has a model of that name, or
            the scaling can't be found out.
        ModelError: the file can't be opened, is not a classifier of images, or the labels don't fit.
        DatasetError: the photos can't be used.
    """
    path = Path(object_argument(options, ImportOptions, "options").path)
    name = _free_name(options.name or derived_name(path.stem))
    opener = _opener(path)
    read_labels(options.labels)  # wrong labels are reported before a model is opened
    model = opener(path)
    labels = read_labels(options.labels, model.classes)
    _require_fit(model, labels, options.labels)
    height, width = model.size
    spec = InputSpec(height, width, color=options.color, resize=options.resize)
    data = _load(options, spec, labels)
    labels = data.labels
    scaling = find_scaling(model, data.train, options.scale, options.color)
    scores = measure_outputs(model, data.val, scaling)
    ending = model.ending(scores)
    decoding = describe_outputs(model, scores, ending)
    top1 = measure_top1(model.classes_of(scores), data.val, labels)
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
    card = replace(card, validation=classifier_profile(card, final_scores(scores, ending), data.val))
    return _put(card, model, scaling, ending, options)


def _free_name(name: str) -> str:
    if store.has(store.check_new_name(name)):
        remedy = f"convert it with edgetl convert {name}; or give another --name; or edgetl models remove {name}"
        raise UsageError(f"the store already has a model {name!r}", where=str(store.root()), remedy=remedy)
    return name


def _opener(path: Path) -> Callable[[Path], ForeignModel]:
    if not path.exists():
        raise UsageError("there is no such model file", where=str(path), remedy="check the path given to --from")
    inside = path if path.is_dir() else path.parent
    if (inside / "card.json").is_file():
        what = "edgetl made this model: its card is in the same folder"
        remedy = f"edgetl convert {inside.name}, with EDGETL_MODELS={inside.resolve().parent} if that is not the store"
        raise UsageError(what, where=str(path), remedy=remedy)
    if (path / "saved_model.pb").is_file():
        return open_saved_model
    if path.is_dir() or path.suffix.lower() not in OPENERS:
        what = f"this is neither a {', '.join(OPENERS)} file nor the folder of a SavedModel"
        remedy = "write it with model.save('model.keras') or model.export('FOLDER')"
        raise ModelError(what, where=str(path), remedy=remedy)
    return OPENERS[path.suffix.lower()]


def _require_fit(model: ForeignModel, labels: tuple[str, ...], file: Path) -> None:
    """Checks that the number of labels fits the model's outputs."""
    allowed = (1, 2) if model.classes == 1 else (model.classes,)
    if len(labels) not in allowed:
        what = f"the model has {counted(model.classes, 'output')}, but {file.name} has {counted(len(labels), 'line')}"
        remedy = "give one label a line, in the order of the outputs; Keras takes folders in alphabetical order"
        if model.classes == 1:
            remedy = "give two labels; the second is the one whose score the output is, as in Keras"
        raise ModelError(what, where=str(file), remedy=remedy)
    if model.classes == 1 and model.last == "softmax":
        what = "the model has one output, behind a softmax, which is 1 whatever a photo shows"
        remedy = "train it with a sigmoid, or with one output for each class"
        raise ModelError(what, where=str(model.path), remedy=remedy)


def _load(options: ImportOptions, spec: InputSpec, labels: tuple[str, ...]) -> Dataset:
    root = Path(options.data)
    if root.is_dir() and is_boxed(root):
        what = "the photos have boxes, but the model is a classifier"
        raise DatasetError(what, where=str(root), remedy="give photos in folders that are named like its labels")
    found = load_dataset(root, spec, val_fraction=VALIDATION_SHARE, seed=options.seed)
    if len(labels) == 1:
        labels = _with_opposite(labels[0], found)
    data = in_columns(labels, found)
    console.print(f"{counted(len(data.train), 'photo')} to calibrate with, {len(data.val)} to evaluate on")
    return data


def _with_opposite(label: str, data: Dataset) -> tuple[str, str]:
    """Returns the two labels of a model whose only output is the score of one label; the other label comes first.

    Raises:
        DatasetError: the photos are not in two class folders of which one is named like the label.
    """
    others = [name for name in data.labels if name != label]
    if len(others) != 1 or label not in data.labels:
        what = f"the model's only output is the score of {label}: photos with it and without it are needed"
        remedy = f"put them in two folders, one of them called {label}"
        raise DatasetError(what, where=data.info.path, remedy=remedy)
    console.print(f"outputs: one, the score of {label}; {others[0]} gets 1 minus that score", markup=False)
    return others[0], label


def _origin(path: Path, scaling: Scaling) -> Backbone:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    digests = (f"{file.relative_to(path).as_posix()} {sha256_of(file)}" for file in files)
    digest = fingerprint(digests) if files else sha256_of(path)
    return Backbone(FOREIGN, 1.0, path.name, digest, _input_range(scaling))


def _input_range(scaling: Scaling) -> Literal["-1..1", "0..1", "0..255"]:
    """Returns the range of values that a scaling gives; a scaling without a name there goes into the model."""
    names: tuple[Literal["-1..1", "0..1"], ...] = ("-1..1", "0..1")
    return next((name for name in names if scaling == SCALINGS[name]), "0..255")


def _put(
    card: ModelCard, model: ForeignModel, scaling: Scaling, ending: Ending, options: ImportOptions
) -> store.StoredModel:
    """Writes the model, its card and the options it was imported with into the store."""
    places = {key: str(Path(getattr(options, key)).absolute()) for key in ("path", "data", "labels")}
    resolved = asdict(options) | places | {"name": card.name}
    del resolved["scale"]  # mean and std say which scaling was used
    resolved |= {"mean": scaling.mean, "std": scaling.std}
    with friendly_os_errors(store.root()), temporary_folder(store.root() / card.name) as work:
        model.write(work, scaling, ending)
        write_atomic(work / "card.json", card.to_json())
        write_atomic(work / "import.toml", to_toml(resolved).encode("utf-8", "backslashreplace"))
        return store.add_version(card.name, work).model

"""The knowledge base: trained models as folders under one root (`models/`, or where EDGETL_MODELS says)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.files import replace_folder

RESERVED = ("auto", "imagenet", "starter", "none")
"""What weights are called that are no model of the store."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A trained model in the store."""

    folder: Path
    card: ModelCard

    @property
    def weights(self) -> Path:
        """The Keras model file; of a model that came as a `.tflite` or a SavedModel, that."""
        files = [self.folder / name for name in ("model.keras", "model.tflite", "saved_model")]
        return next((file for file in files if file.exists()), files[0])

    @property
    def name(self) -> str:
        """What the store calls the model: its folder, whatever the card said when that was another one."""
        return self.folder.name

    def bundle(self, target: str) -> Path:
        """The folder of this model's bundle for a target, converted or not."""
        return self.folder / target

    def bundles(self) -> list[Path]:
        """The folders of this model's finished bundles, by name."""
        found = (path.parent for path in self.folder.glob("*/bundle.json"))
        return sorted(folder for folder in found if not folder.name.startswith("."))

    def files(self) -> list[Path]:
        """Every file of the model and its bundles."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def root() -> Path:
    """Returns the store's root folder, which need not exist."""
    return Path(os.environ.get("EDGETL_MODELS") or "models")


def check_name(name: str) -> str:
    """Returns `name` if a model may be called so.

    Raises:
        UsageError: it isn't a plain file name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be a model's name", remedy="use letters, digits, '.', '_' and '-'")
    return name


def check_new_name(name: str) -> str:
    """Returns `name` if a new model may be called so.

    Raises:
        UsageError: it isn't a plain file name, or `--weights` gives it another meaning, in whatever case: to some file
            systems `Starter` is `starter`.
    """
    if check_name(name).lower() in RESERVED:
        what = f"{name!r} can't be a model's name: `--weights {name.lower()}` means something else"
        raise UsageError(what, remedy="choose another one with --name")
    return name


def models() -> list[StoredModel]:
    """Returns every readable model, oldest first."""
    folders = [path.parent for path in root().glob("*/card.json") if not path.parent.name.startswith(".")]
    found = []
    for folder in folders:
        try:
            found.append(StoredModel(folder, ModelCard.load(folder / "card.json")))
        except ModelError:
            continue  # `open_model` tells why when it is asked for by name
    return sorted(found, key=lambda model: (model.card.created, model.name))


def has(name: str) -> bool:
    """Says whether the store has a model of that name, whatever its state."""
    return bool(_NAME.fullmatch(name)) and (root() / name / "card.json").is_file()


def open_model(name: str | None = None) -> StoredModel:
    """Opens a model by name; None opens the one trained last.

    Raises:
        UsageError: there is no such model.
        ModelError: its card can't be read.
    """
    if name is None:
        stored = models()
        if not stored:
            raise UsageError("no model has been trained yet", where=str(root()), remedy="run `edgetl train DATA`")
        return stored[-1]
    folder = _folder_of(name)
    return StoredModel(folder, ModelCard.load(folder / "card.json"))


def _folder_of(name: str) -> Path:
    if not has(check_name(name)):
        known = ", ".join(model.name for model in models()) or "none yet"
        raise UsageError(f"there is no model {name!r}", where=str(root()), remedy=f"choose one of: {known}")
    return root() / name


def table(stored: Sequence[StoredModel]) -> str:
    """Returns models as a table for people: task, classes, top-1 or mAP, size, date, origin, bundles."""
    head = ("name", "task", "classes", "measured", "MB", "trained", "from", "bundles")
    rows = [_row(model) for model in stored]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    )


def _row(model: StoredModel) -> tuple[str, ...]:
    card = model.card
    files = model.weights.rglob("*") if model.weights.is_dir() else [model.weights]
    size = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    origin = f"{card.backbone.name} {card.backbone.alpha:g}, {card.backbone.weights}" if card.backbone else "elsewhere"
    if card.backbone and card.backbone.name == "foreign":
        origin = f"elsewhere, {card.backbone.weights}"
    bundles = ", ".join(folder.name for folder in model.bundles())
    names = {"top1": "top-1", "map": "mAP"}
    measured = ", ".join(f"{name} {card.metrics[key]:.3f}" for key, name in names.items() if key in card.metrics)
    return model.name, card.task, str(len(card.labels)), measured, f"{size:.1f}", card.created[:10], origin, bundles


def put(name: str, folder: Path) -> StoredModel:
    """Moves a finished training's folder into the store, in place of an earlier model of that name."""
    replace_folder(folder, root() / check_name(name))
    return open_model(name)


def remove(name: str) -> None:
    """Deletes a model and its bundles, even one whose card can't be read.

    Raises:
        UsageError: there is no such model.
    """
    shutil.rmtree(_folder_of(name))

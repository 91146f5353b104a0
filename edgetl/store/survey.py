"""Reads the whole store at once, including the versions that can't be opened and the reasons."""

from __future__ import annotations

from pathlib import Path

from edgetl.card import ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.store import version_folders
from edgetl.store.model import WEIGHTS, Damaged, StoredModel, check_name, locked
from edgetl.store.version_folders import VERSIONS


def survey(*, every_version: bool = False) -> tuple[list[StoredModel], list[Damaged]]:
    """Returns the readable models, oldest first, and the versions that can't be opened.

    Args:
        every_version: whether versions that aren't current are included, each after the current one of its model.
    """
    with locked() as base:
        good: list[tuple[str, list[StoredModel]]] = []
        damaged: list[Damaged] = []
        for name in names(base):
            found, bad = _read(base, name)
            current = [model for model in found if model.is_current]
            if current or (found and every_version):
                latest = (current or found)[0].card.created
                good.append((latest, found if every_version else current))
            damaged += bad
    ordered = sorted(good, key=lambda entry: (entry[0], entry[1][0].name))
    return [model for _, models in ordered for model in models], damaged


def names(base: Path) -> list[str]:
    """Returns the names of the root's folders that contain a model, even a damaged one.

    Args:
        base: the store's root.
    """
    folders = sorted(path for path in base.glob("*") if not path.name.startswith(".") and holds_model(path))
    return [folder.name for folder in folders]


def holds_model(folder: Path) -> bool:
    """Says whether a folder contains a stored model, even a damaged one.

    Args:
        folder: the folder.
    """
    return any((folder / name).exists() for name in ("card.json", *WEIGHTS, VERSIONS))


def _read(base: Path, name: str) -> tuple[list[StoredModel], list[Damaged]]:
    folders = version_folders.folders(base, name)
    good, damaged = [], []
    for number, folder in folders.items():
        try:
            check_name(name)
            card = ModelCard.load(folder / "card.json")
        except (ModelError, UsageError) as error:
            damaged.append(Damaged(f"{name}@{number}" if len(folders) > 1 else name, error.what))
        else:
            good.append(StoredModel(folder, card, name, number, tuple(folders)))
    return good, damaged

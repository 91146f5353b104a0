"""Moves finished versions into the store, and finished bundles and reports into their versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.errors import ModelError
from edgetl.folders import replace_folder
from edgetl.store import version_folders
from edgetl.store.lookup import relocate_in
from edgetl.store.model import StoredModel, check_name, locked, root
from edgetl.store.version_choice import choose


@dataclass(frozen=True, slots=True)
class AddedVersion:
    """A version that was added to the store.

    Attributes:
        model: the new version.
        reason: reason why the version is current or isn't, for people; empty if the model has no other version.
    """

    model: StoredModel
    reason: str


def add_version(name: str, folder: Path) -> AddedVersion:
    """Moves a finished training's folder into the store, as the latest version of a model.

    Args:
        name: name of the model.
        folder: the version's folder, with its card, on the store's file system.

    Raises:
        UsageError: the name is not valid.
        ModelError: the folder's card can't be read.
    """
    check_name(name)
    card = ModelCard.load(folder / "card.json")
    root().mkdir(parents=True, exist_ok=True)
    with locked() as base:
        folders = version_folders.folders(base, name)
        reason, current = "", True
        if folders:
            names = (f"{name}@{next(iter(folders))}", f"{name}@{max(folders) + 1}")
            reason, current = _chosen(folders[next(iter(folders))], card, names)
        number = version_folders.add(base, name, folder, current=current)
        folders = version_folders.folders(base, name)
        return AddedVersion(StoredModel(folders[number], card, name, number, tuple(folders)), reason)


def _chosen(folder: Path, card: ModelCard, names: tuple[str, str]) -> tuple[str, bool]:
    """Returns the reason for the choice between the current and the new version, and whether the new one wins."""
    try:
        choice = choose(ModelCard.load(folder / "card.json"), card, names)
    except ModelError as error:
        return f"{names[1]} is current: {names[0]} can't be read, {error.what}", True
    return choice.reason, choice.newer


def add_folder(model: StoredModel, name: str, folder: Path) -> Path:
    """Moves a finished bundle or report into its version, in place of an earlier one of that name.

    Args:
        model: the version, even if its folder has moved since it was opened.
        name: name of the folder in the version; for a bundle, the target's.
        folder: the folder to move.

    Returns:
        The folder's new path.

    Raises:
        ModelError: the version was removed in the meantime.
    """
    with locked() as base:
        place = relocate_in(base, model).folder / name
        replace_folder(folder, place)
        return place

"""Finds and opens stored models by their names, and makes a version the current one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.store import version_folders
from edgetl.store.model import StoredModel, is_reference, locked, root, split_reference
from edgetl.store.survey import holds_model, names, survey


def models() -> list[StoredModel]:
    """Returns the current version of every readable model, oldest first.

    Example:
        >>> import edgetl
        >>> "parts" in [model.name for model in edgetl.models()]
        True
    """
    return survey()[0]


def has(reference: str) -> bool:
    """Says whether the store has a model or version, even one that can't be opened.

    Args:
        reference: `NAME` or `NAME@N`; with any other text the result is False.
    """
    if not is_reference(reference):
        return False
    name, number = split_reference(reference)
    with locked() as base:
        folder = version_folders.folders(base, name).get(number) if number else base / name
    return folder is not None and (folder / "card.json").is_file()


def open_model(reference: str | None = None) -> StoredModel:
    """Opens a stored model.

    Example:
        >>> import edgetl
        >>> edgetl.open_model("parts").card.task
        'classification'

    Args:
        reference: `NAME` for the current version or `NAME@N`; None opens the version that was trained last.

    Raises:
        UsageError: there is no such model or version.
        ModelError: the model's card can't be read.
    """
    if reference is None:
        stored = survey(every_version=True)[0]
        if not stored:
            raise UsageError("no model has been trained yet", where=str(root()), remedy="run `edgetl train DATA`")
        reference = max(stored, key=lambda model: (model.card.created, model.name)).name
    with locked() as base:
        return _open(base, reference)


def use(reference: str) -> StoredModel:
    """Makes a version the current one; the version that was current keeps its number and its bundles.

    Args:
        reference: `NAME@N`; `NAME` alone is enough if the model has one version.

    Raises:
        UsageError: there is no such version, or the reference has no number.
        ModelError: the version's card can't be read; the other version stays current.
    """
    with locked() as base:
        name, number, folders = find(base, reference)
        if "@" not in reference and len(folders) > 1:
            known = ", ".join(f"{name}@{one}" for one in folders)
            raise UsageError(f"{reference!r} doesn't say which version", remedy=f"choose one of: {known}")
        ModelCard.load(folders[number] / "card.json")  # before anything is moved
        version_folders.make_current(base, name, number)
        return _open(base, name)


def relocate(model: StoredModel) -> StoredModel:
    """Returns a version with its present folder, which changes if another version becomes current.

    Args:
        model: the version as it was opened.

    Raises:
        ModelError: the version was removed.
    """
    if not model.folder.is_relative_to(root()):
        return model
    with locked() as base:
        return relocate_in(base, model)


def relocate_in(base: Path, model: StoredModel) -> StoredModel:
    """Does the work of `relocate` for a caller that holds the lock of the root.

    Args:
        base: the store's root.
        model: the version as it was opened.

    Raises:
        ModelError: the version was removed.
    """
    folders = version_folders.folders(base, model.name)
    folder = folders.get(model.number)
    if folder is None or ModelCard.load(folder / "card.json") != model.card:
        what = f"the model {model.exact_name} was removed or replaced while it was in use"
        raise ModelError(what, where=str(base / model.name), remedy="run the command again")
    return replace(model, folder=folder, versions=tuple(folders))


def find(base: Path, reference: str) -> tuple[str, int, dict[int, Path]]:
    """Finds a model for a caller that holds the lock of the root.

    Args:
        base: the store's root.
        reference: `NAME` or `NAME@N`.

    Returns:
        The model's name, the version's number, and the folders of all versions by number.

    Raises:
        UsageError: there is no such model or version.
    """
    name, number = split_reference(reference)
    folders = version_folders.folders(base, name)
    current = next(iter(folders), 0)
    if not folders or (number is None and not holds_model(folders[current])):
        known = ", ".join(names(base))
        remedy = f"choose one of: {known}" if known else "train one with `edgetl train DATA`"
        raise UsageError(f"there is no model {name!r}", where=str(base), remedy=remedy)
    if number is not None and number not in folders:
        known = ", ".join(f"{name}@{one}" for one in folders)
        what = f"the model {name!r} has no version {number}"
        raise UsageError(what, where=str(base / name), remedy=f"choose one of: {known}")
    return name, number or current, folders


def _open(base: Path, reference: str) -> StoredModel:
    name, number, folders = find(base, reference)
    card = ModelCard.load(folders[number] / "card.json")
    return StoredModel(folders[number], card, name, number, tuple(folders))

"""The knowledge base: trained models as folders under one root (`models/`, or where EDGETL_MODELS says).

A model may have several versions; `edgetl.store.version_folders` says where they lie. Every function here holds the
lock of the root while it reads or changes folders, and first finishes what a killed process began.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.files import replace_folder
from edgetl.manifest import is_bundle
from edgetl.store import version_folders
from edgetl.store.model import (
    RESERVED,
    Damaged,
    StoredModel,
    check_name,
    check_new_name,
    exclusive,
    is_reference,
    locked,
    root,
    split_reference,
)
from edgetl.store.survey import holds_model, names, survey
from edgetl.store.version_choice import choose

__all__ = [
    "RESERVED",
    "Damaged",
    "Put",
    "Removal",
    "StoredModel",
    "add_folder",
    "check_name",
    "check_new_name",
    "exclusive",
    "find_again",
    "has",
    "models",
    "open_model",
    "put",
    "removal",
    "remove",
    "root",
    "survey",
    "use",
]


@dataclass(frozen=True, slots=True)
class Put:
    """What `put` did.

    Attributes:
        model: the new version.
        reason: why it is the current one or isn't; empty if the model has no other version.
    """

    model: StoredModel
    reason: str


def models() -> list[StoredModel]:
    """Returns the current version of every readable model, oldest first."""
    return survey()[0]


def has(reference: str) -> bool:
    """Says whether the store has a model of that name, or that version of it, whatever its state."""
    if not is_reference(reference):
        return False
    name, number = split_reference(reference)
    with locked() as base:
        folder = version_folders.folders(base, name).get(number) if number else base / name
    return folder is not None and (folder / "card.json").is_file()


def open_model(reference: str | None = None) -> StoredModel:
    """Opens a model by `NAME` or `NAME@N`; None opens the current version of the model trained last.

    Raises:
        UsageError: there is no such model or version.
        ModelError: its card can't be read.
    """
    if reference is None:
        stored = survey(every_version=True)[0]
        if not stored:
            raise UsageError("no model has been trained yet", where=str(root()), remedy="run `edgetl train DATA`")
        reference = max(stored, key=lambda model: (model.card.created, model.name)).name
    with locked() as base:
        return _open(base, reference)


def _open(base: Path, reference: str) -> StoredModel:
    name, number, folders = _find(base, reference)
    card = ModelCard.load(folders[number] / "card.json")
    return StoredModel(folders[number], card, name, number, tuple(folders))


def _find(base: Path, reference: str) -> tuple[str, int, dict[int, Path]]:
    """Finds a model; returns its name, the number of the version that is meant, and the folders of all versions."""
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


def find_again(model: StoredModel) -> StoredModel:
    """Returns a version with the folder in which it lies now, if another one has become current meanwhile.

    Raises:
        ModelError: it was removed.
    """
    if not model.folder.is_relative_to(root()):
        return model
    with locked() as base:
        return _again(base, model)


def _again(base: Path, model: StoredModel) -> StoredModel:
    folders = version_folders.folders(base, model.name)
    folder = folders.get(model.number)
    if folder is None or ModelCard.load(folder / "card.json") != model.card:
        what = f"the model {model.exact_name} was removed or replaced while it was in use"
        raise ModelError(what, where=str(base / model.name), remedy="run the command again")
    return replace(model, folder=folder, versions=tuple(folders))


def put(name: str, folder: Path) -> Put:
    """Moves a finished training's folder into the store, as the newest version of that name.

    Args:
        name: of the model.
        folder: the version's folder, with its card, on the store's file system.
    """
    check_name(name)
    card = ModelCard.load(folder / "card.json")
    root().mkdir(parents=True, exist_ok=True)
    with locked() as base:
        folders = version_folders.folders(base, name)
        reason, current = "", True
        if folders:
            pair = (f"{name}@{next(iter(folders))}", f"{name}@{max(folders) + 1}")
            reason, current = _chosen(folders[next(iter(folders))], card, pair)
        number = version_folders.add(base, name, folder, current=current)
        folders = version_folders.folders(base, name)
        return Put(StoredModel(folders[number], card, name, number, tuple(folders)), reason)


def _chosen(folder: Path, card: ModelCard, names: tuple[str, str]) -> tuple[str, bool]:
    try:
        choice = choose(ModelCard.load(folder / "card.json"), card, names)
    except ModelError as error:
        return f"{names[1]} is current: {names[0]} can't be read, {error.what}", True
    return choice.reason, choice.newer


def add_folder(model: StoredModel, name: str, folder: Path) -> Path:
    """Moves a finished bundle or report to the version that it belongs to, in place of an earlier one of that name.

    Args:
        model: the version, wherever it lies by now.
        name: the folder's name there; of a bundle, the target's.
        folder: what to move.

    Returns:
        Where it is.

    Raises:
        ModelError: the version was removed meanwhile.
    """
    with locked() as base:
        place = _again(base, model).folder / name
        replace_folder(folder, place)
        return place


def use(reference: str) -> StoredModel:
    """Makes a version the current one; the one that was so keeps its number and its bundles.

    Raises:
        UsageError: there is no such version, or the reference names none.
        ModelError: its card can't be read; the other version stays current.
    """
    with locked() as base:
        name, number, folders = _find(base, reference)
        if "@" not in reference and len(folders) > 1:
            known = ", ".join(f"{name}@{one}" for one in folders)
            raise UsageError(f"{reference!r} doesn't say which version", remedy=f"choose one of: {known}")
        ModelCard.load(folders[number] / "card.json")  # before anything is moved
        version_folders.make_current(base, name, number)
        return _open(base, name)


@dataclass(frozen=True, slots=True)
class Removal:
    """What `remove` is going to delete.

    Attributes:
        name: of the model.
        number: of the only version that goes; None if the whole model does.
        folders: of the versions that go.
        bundles: how many bundles go with them.
        next_number: the version that becomes current instead; 0 if none does.
    """

    name: str
    number: int | None
    folders: tuple[Path, ...]
    bundles: int
    next_number: int

    def describe(self) -> str:
        """Returns what goes and what becomes current, for people."""
        what = f"version {self.number} of {self.name}" if self.number else self.name
        several = f", all {len(self.folders)} versions of it" if len(self.folders) > 1 else ""
        bundles = f", with {self.bundles} bundle{'' if self.bundles == 1 else 's'}" if self.bundles else ""
        following = f"; {self.name}@{self.next_number} becomes current" if self.next_number else ""
        return f"{what}{several}{bundles}{following}"


def removal(reference: str) -> Removal:
    """Says what `remove` deletes; of a model and its versions even those whose cards can't be read.

    Raises:
        UsageError: there is no such model or version.
    """
    with locked() as base:
        return _removal(base, reference)


def _removal(base: Path, reference: str) -> Removal:
    name, number, folders = _find(base, reference)
    whole = "@" not in reference or len(folders) == 1
    going = tuple(folders.values()) if whole else (folders[number],)
    bundles = sum(is_bundle(path) for folder in going for path in folder.glob("[!.]*"))
    following = 0 if whole or number != next(iter(folders)) else _following(folders, number)
    return Removal(name, None if whole else number, going, bundles, following)


def _following(folders: dict[int, Path], number: int) -> int:
    """Returns the newest other version, of those whose cards can be read if there are any."""
    others = {other: folder for other, folder in folders.items() if other != number}
    return max(others, key=lambda other: (_is_readable(others[other]), other))


def _is_readable(folder: Path) -> bool:
    try:
        ModelCard.load(folder / "card.json")
    except ModelError:
        return False
    return True


def remove(reference: str) -> Removal:
    """Deletes a model with all its versions and bundles, or one version; see `removal`."""
    with locked() as base:
        plan = _removal(base, reference)
        if plan.next_number:
            version_folders.make_current(base, plan.name, plan.next_number)
        version_folders.remove(base, plan.name, plan.number)
    return plan

"""Removes models and versions from the store, and says beforehand what is going to be deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.errors import ModelError
from edgetl.manifest import is_bundle
from edgetl.store import version_folders
from edgetl.store.lookup import find
from edgetl.store.model import locked
from edgetl.text import counted


@dataclass(frozen=True, slots=True)
class Removal:
    """The plan of a removal.

    Attributes:
        name: name of the model.
        number: number of the version that is deleted; None if the whole model is.
        folders: folders of the versions that are deleted.
        bundles: number of bundles in these folders.
        next_number: number of the version that becomes current instead; 0 if none does.
    """

    name: str
    number: int | None
    folders: tuple[Path, ...]
    bundles: int
    next_number: int

    def describe(self) -> str:
        """Returns what is deleted and what becomes current, for people."""
        what = f"version {self.number} of {self.name}" if self.number else self.name
        versions = f", all {len(self.folders)} versions of it" if len(self.folders) > 1 else ""
        bundles = f", with {counted(self.bundles, 'bundle')}" if self.bundles else ""
        following = f"; {self.name}@{self.next_number} becomes current" if self.next_number else ""
        return f"{what}{versions}{bundles}{following}"


def removal(reference: str) -> Removal:
    """Returns what `remove` would delete; cards that can't be read don't matter.

    Args:
        reference: `NAME` for the whole model or `NAME@N` for one version.

    Raises:
        UsageError: there is no such model or version.
    """
    with locked() as base:
        return _removal(base, reference)


def remove(reference: str) -> Removal:
    """Deletes a model with all its versions and bundles, or one version.

    Args:
        reference: the model or version, see `removal`.

    Returns:
        The plan that was carried out.

    Raises:
        UsageError: there is no such model or version.
    """
    with locked() as base:
        plan = _removal(base, reference)
        if plan.next_number:
            version_folders.make_current(base, plan.name, plan.next_number)
        version_folders.remove(base, plan.name, plan.number)
    return plan


def _removal(base: Path, reference: str) -> Removal:
    name, number, folders = find(base, reference)
    whole = "@" not in reference or len(folders) == 1
    deleted = tuple(folders.values()) if whole else (folders[number],)
    bundles = sum(is_bundle(path) for folder in deleted for path in folder.glob("[!.]*"))
    following = 0 if whole or number != next(iter(folders)) else _following(folders, number)
    return Removal(name, None if whole else number, deleted, bundles, following)


def _following(folders: dict[int, Path], number: int) -> int:
    """Returns the latest other version; versions with a readable card go first."""
    others = {other: folder for other, folder in folders.items() if other != number}
    return max(others, key=lambda other: (_is_readable(others[other]), other))


def _is_readable(folder: Path) -> bool:
    try:
        ModelCard.load(folder / "card.json")
    except ModelError:
        return False
    return True

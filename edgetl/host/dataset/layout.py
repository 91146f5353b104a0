"""Decides whether the folders of a data set are classes or the parts of a split, by their names and content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.list_files import PROPOSALS, files_below, has_proposals, loose_files, subfolders
from edgetl.host.dataset.split_parts import Part, exact_part, is_unlabelled, part_in_words
from edgetl.text import listed, printable

_REMEDY = "put the class folders into train/, val/ and test/; or put nothing but class folders into the data set"


@dataclass(slots=True)
class Layout:
    """The purpose of each folder of a data set.

    Attributes:
        parts: the folders that hold class folders, each with its part; the data set's own folder if it has no split.
        skipped: the folders whose photos are left out, each with the reason.
        notes: sentences about what was assumed.
    """

    parts: dict[Path, Part] = field(default_factory=dict)
    skipped: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find_layout(root: Path) -> Layout:
    """Determines the purpose of each folder of a data set.

    Args:
        root: the data set's folder.

    Raises:
        DatasetError: a folder may be either a class or a part of a split, or a part holds photos instead of class
            folders.
    """
    folders = subfolders(root)
    named = {folder: part for folder in folders if (part := _part(folder))}
    unlabelled = [folder for folder in folders if folder not in named and is_unlabelled(folder.name)]
    others = [folder for folder in folders if folder not in named and folder not in unlabelled]
    holding = [folder for folder in named if _holds_folders(folder)]
    layout = Layout(skipped=dict.fromkeys(unlabelled, "its name means photos without a class"))
    if has_proposals(root):
        layout.skipped[root / PROPOSALS] = "`edgetl pull` put them there, and their classes are a model's proposals"
        others = [folder for folder in others if folder.name != PROPOSALS]
    if not holding:
        _use_as_classes(root, layout, named, others)
        return layout
    others = [folder for folder in others if files_below(folder).photos]
    if not others or ("train" in map(named.get, holding) and len(named) > 1):
        _use_as_split(root, layout, named)
        layout.skipped |= dict.fromkeys(others, "it is no part of the split")
    elif unclear := [folder for folder in holding if exact_part(folder.name)]:
        what = f"{_shown(unclear)} may be a part of a split or a class: it holds folders, beside {_shown(others)}"
        raise DatasetError(what, where=str(root), remedy=_REMEDY)
    else:  # such as test_tube/ with folders inside
        _use_as_classes(root, layout, named, others)
    return layout


def _part(folder: Path) -> Part:
    return exact_part(folder.name) or (part_in_words(folder.name) if _holds_folders(folder) else "")


def _holds_folders(folder: Path) -> bool:
    return bool(subfolders(folder)) and not loose_files(folder).photos


def _use_as_classes(root: Path, layout: Layout, named: Mapping[Path, Part], others: Sequence[Path]) -> None:
    """Makes the folders classes, including those with the name of a part, except `test/`, which is never trained on."""
    parts = [*named.values(), *(part_in_words(folder.name) for folder in others)]
    if "" not in parts and len(set(parts)) > 1:
        what = f"{_shown([*named, *others])} hold photos, and no class folders that say what is in them"
        remedy = (
            "put the photos into one folder for each class inside train/, or rename the folders if they are classes"
        )
        raise DatasetError(what, where=str(root), remedy=remedy)
    layout.parts = {root: ""}
    for folder in named:
        if exact_part(folder.name) == "test":
            layout.skipped[folder] = "its name means test photos, and they are in no class folder"
        else:
            what = f"{_shown([folder])} counts as a class, although it has the name of a part of a split"
            layout.notes.append(f"{what}: move it away if it is not a class")


def _use_as_split(root: Path, layout: Layout, named: Mapping[Path, Part]) -> None:
    for folder, part in named.items():
        inner = _unwrapped(folder, part)
        if _holds_folders(inner):
            layout.parts[inner] = part
            if not exact_part(folder.name):
                layout.notes.append(f"{_shown([folder])} counts as {part}")
        elif part == "test":
            layout.skipped[folder] = "it has no class folders"
        else:
            what = f"{_shown([folder])} has no class folders"
            raise DatasetError(what, where=str(root), remedy="put its photos into one folder for each class inside it")


def _unwrapped(folder: Path, part: Part) -> Path:
    """Returns the innermost of folders that mean the same part and hold only each other, as `seg_train/seg_train`."""
    inner = subfolders(folder)
    while len(inner) == 1 and _holds_folders(folder) and _part(inner[0]) == part:
        folder, inner = inner[0], subfolders(inner[0])
    return folder


def _shown(folders: Sequence[Path]) -> str:
    return listed([f"{printable(folder.name)}/" for folder in folders], 5)

"""Reads the lists in `ImageSets/Main/`, which assign each Pascal VOC annotation to a part of the split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import read_text
from edgetl.host.dataset.boxes.tree import Tree, same_name
from edgetl.host.dataset.split_parts import Part, exact_part
from edgetl.text import counted, listed
from edgetl.vision.photo import is_photo

_MOST_BYTES = 64 << 20
"""A list may have at most this many bytes, which is room for a million names."""

_PARTS: tuple[Part, ...] = ("train", "val", "test")
_MARK = re.compile(r"(?<!\s)\s+[-+]?[01]$")
"""The ending of a line in the list of a class, which says whether the photo shows that class."""


def parts_of(tree: Tree, files: Sequence[Path]) -> tuple[dict[Path, Part], list[str]]:
    """Returns the part of each annotation for which lists exist.

    Args:
        tree: the data set.
        files: the annotation files.

    Returns:
        The part of each annotation with lists, empty if no list names it; and notes on listed photos without an
        annotation.

    Raises:
        DatasetError: an annotation is listed for two parts, or a list can't be read.
    """
    homes: dict[Path, list[Path]] = {}
    found: dict[Path, Path | None] = {}
    for file in files:
        if file.parent not in found:
            found[file.parent] = _home(tree, file)
        if home := found[file.parent]:
            homes.setdefault(home, []).append(file)
    parts: dict[Path, Part] = {}
    lost: set[str] = set()
    for home, members in homes.items():
        lists = _lists(home)
        if lists:
            parts.update(dict.fromkeys(members, ""))
            lost |= _assign(lists, members, parts)
    count = counted(len(lost), "photo")
    return parts, [f"ImageSets lists {count} without an annotation: {listed(sorted(lost))}"] if lost else []


def _home(tree: Tree, file: Path) -> Path | None:
    """Returns the folder of the lists for an annotation: that of its nearest parent with lists; None if none."""
    inside = [folder for folder in file.parents if folder == tree.root or folder.is_relative_to(tree.root)]
    homes = (folder / "ImageSets" / "Main" for folder in inside)
    return next((home for home in homes if home.is_dir()), None)


def _lists(home: Path) -> list[tuple[Path, Part]]:
    """Returns the lists and their parts: `train.txt`, `val.txt` …, else `trainval.txt`, else the lists of classes."""
    files = sorted(home.glob("*.txt"))
    whole: list[tuple[Path, Part]] = [
        (file, part) for part in _PARTS for file in files if exact_part(file.stem) == part
    ]
    if not {part for _, part in whole} & {"train", "val"}:
        whole += [(file, "train") for file in files if file.stem.lower() == "trainval"]
    # Some programs, such as VoTT, write only one list a class, as `ace_train.txt`; each names every photo of its part.
    by_class = ((file, exact_part(file.stem.rpartition("_")[2])) for file in files)
    return whole or [(file, part) for file, part in by_class if part]


def _assign(lists: Sequence[tuple[Path, Part]], members: Sequence[Path], parts: dict[Path, Part]) -> set[str]:
    """Gives each listed annotation its part; returns the listed names that no annotation has."""
    by_stem: dict[str, list[Path]] = {}
    for file in members:
        by_stem.setdefault(same_name(file.stem), []).append(file)
    lost = set()
    for text, part in lists:
        for count, line in enumerate(read_text(text, _MOST_BYTES).split("\n"), start=1):
            names = _names(line)
            rows = next((rows for name in names if (rows := _named(name, by_stem))), [])
            if names and not rows:
                lost.add(names[-1].rpartition("/")[2])
            if len(rows) > 1:
                what = f"{names[0]:.80} may mean {len(rows)} annotations"
                raise DatasetError(what, where=f"{text}:{count}", remedy="list each with its folder")
            for file in rows:
                if parts[file] not in ("", part):
                    what = f"{file.stem} is listed for {parts[file]} and for {part}"
                    raise DatasetError(what, where=f"{text}:{count}", remedy="list each photo for one part")
                parts[file] = part
    return lost


def _names(line: str) -> list[str]:
    """Returns the names that a line may contain: with and without the mark at its end, quotes and a suffix."""
    text = line.strip()
    names = [text, _MARK.sub("", text)]
    if text.startswith('"'):
        names.append(text[1:].partition('"')[0])
    slashed = [name.replace("\\", "/") for name in names if name]
    bare = [name.rpartition(".")[0] for name in slashed if is_photo(Path(name)) or name.lower().endswith(".xml")]
    return list(dict.fromkeys([*slashed, *bare]))


def _named(name: str, by_stem: Mapping[str, list[Path]]) -> list[Path]:
    """Returns the annotations of a name; if several folders have one, those whose path ends like the name."""
    rows = by_stem.get(same_name(name.rpartition("/")[2]), [])
    ends = [file for file in rows if f"/{same_name(file.with_suffix('').as_posix())}".endswith(f"/{same_name(name)}")]
    folder = name.rpartition("/")[0].rpartition("/")[2]
    near = [file for file in rows if folder and same_name(file.parent.name) == same_name(folder)]
    return rows if len(rows) < 2 else ends if len(ends) == 1 else near if len(near) == 1 else rows

"""Recognises segmentation data: folders of photos and of their masks, which must not be read as classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from edgetl.host.dataset.folders import Sample
from edgetl.host.dataset.photos import Record
from edgetl.text import counted, listed, printable
from edgetl.vision.photo import PhotoError, read_photo

_MASK_WORDS = frozenset(
    {"mask", "masks", "label", "labels", "annotation", "annotations", "annots", "gt", "groundtruth", "truth"}
    | {"segmentation", "segmentations", "segmented", "seg", "trimap", "trimaps", "matte", "mattes", "labelmap"}
    | {"segmentationclass", "segmentationobject"}
)
"""Words in the names of folders that hold masks, in lower case."""

_PHOTO_WORDS = frozenset(
    {"image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "jpegimages", "original", "originals"}
    | {"rgb", "frame", "frames"}
)
"""Words in the names of folders that hold the photos of the masks, in lower case."""

_SUFFIX = re.compile(r"[-_ ](mask|masks|label|labels|gt|seg|segmentation|l|matte|annotation)(?:[-_ ]?\d+)?$")
"""The ending that the name of a mask adds to the name of its photo, in lower case."""

_SHARED = 0.8
"""If at least this share of the smaller folder's names (0..1) also occurs in the other one, the two belong together."""

_MOST_FOLDERS = 4
"""Data sets of more folders are not examined: a segmentation set has photos, masks, and seldom two more kinds."""

_SAMPLES = 6
"""At most this many pairs of a photo and a mask are decoded, so that a large set is examined in a moment."""

_SAMPLED_SIDE = 500
"""The colours of a picture are counted in about this many rows and columns, which bounds the time."""

_MOST_COLOURS, _LEAST_COLOURS = 64, 512
"""A mask has at most the first number of colours, a photo at least the second; each is far from the other."""


def mask_problems(samples: Sequence[Sample], records: Sequence[Record]) -> list[str]:
    """Returns the problem that class folders hold masks beside photos, or that two folders are photos and masks.

    Args:
        samples: the N photos of class folders.
        records: the N records of these photos.
    """
    return _masks_in_classes(samples, records) or _folders_of_masks(samples, records)


def _masks_in_classes(samples: Sequence[Sample], records: Sequence[Record]) -> list[str]:
    """Finds masks in the class folder of their photo: beside it as `a_mask.png`, or in a folder `masks/`."""
    found: dict[tuple[str, str, str], list[tuple[Path, Record]]] = {}
    masks: list[tuple[tuple[str, str, str], Path, Record]] = []
    for sample, record in zip(samples, records, strict=True):
        name, folder = sample.path.stem.lower(), sample.path.parent.name
        stem = _SUFFIX.sub("", name)
        is_mask = stem != name or (folder != sample.label and bool(_words(folder) & _MASK_WORDS))
        key = (sample.label, sample.part, stem)
        if is_mask and not record.error:
            masks.append((key, sample.path, record))
        elif not record.error:
            found.setdefault(key, []).append((sample.path, record))
    pairs = [
        (path, mask)
        for key, mask, record in masks
        for path, other in found.get(key, [])
        if (record.width, record.height) == (other.width, other.height)
    ]
    sampled = pairs[:: -(-len(pairs) // _SAMPLES)] if pairs else []
    if len(pairs) < 2 or not all(_colours(path) > _colours(mask) for path, mask in sampled):
        return []
    names = listed([printable(f"{mask.parent.name}/{mask.name}") for _, mask in pairs])
    count = counted(len(pairs), "file")
    return [f"{count} in the class folders are masks of photos, not photos: {names}; move them elsewhere"]


def _folders_of_masks(samples: Sequence[Sample], records: Sequence[Record]) -> list[str]:
    """Finds pairs of folders of which one holds masks of the photos in the other.

    Their files have equal names and sizes, and either the names of the folders say so, or only one folder has
    pictures of few colours. Equal file names alone prove nothing: files are often numbered from 1 in each class.

    Args:
        samples: the N photos of class folders.
        records: the N records of these photos.
    """
    folders: dict[str, dict[str, tuple[Path, Record]]] = {}
    for sample, record in zip(samples, records, strict=True):
        if not record.error:
            stem = _SUFFIX.sub("", sample.path.stem.lower())
            folders.setdefault(sample.label, {})[f"{sample.part}/{stem}"] = (sample.path, record)
    if len(folders) > _MOST_FOLDERS:
        return []
    pairs = [pair for pair in combinations(folders, 2) if _is_masked(*pair, folders)]
    if not pairs:
        return []
    shown = listed([f"{printable(a)}/ and {printable(b)}/" for a, b in pairs])
    what = f"the folders {shown} hold photos and their masks, not classes: segmentation is not supported"
    return [f"{what} (if they are classes, give the photos of each other file names)"]


def _is_masked(first: str, second: str, folders: dict[str, dict[str, tuple[Path, Record]]]) -> bool:
    a, b = folders[first], folders[second]
    shared = sorted(a.keys() & b.keys())
    same = [name for name in shared if (a[name][1].width, a[name][1].height) == (b[name][1].width, b[name][1].height)]
    if len(same) < max(2, _SHARED * min(len(a), len(b))):
        return False
    sampled = same[:: -(-len(same) // _SAMPLES)]
    colours = [(_colours(a[name][0]), _colours(b[name][0])) for name in sampled]
    if _named_so(first, second):
        return all(photo > mask for photo, mask in colours)
    if _named_so(second, first):
        return all(photo > mask for mask, photo in colours)
    if len(shared) < _SHARED * max(len(a), len(b)):
        return False
    sides = {_fewer_colours(*pair) for pair in colours}
    return len(sides) == 1 and sides != {0}


def _named_so(photos: str, masks: str) -> bool:
    """Returns whether the names of two folders mean photos and masks."""
    return bool(_words(photos) & _PHOTO_WORDS) and bool(_words(masks) & _MASK_WORDS)


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", name.lower()))


def _fewer_colours(a: int, b: int) -> int:
    """Returns -1 if a picture of `a` colours may be the mask of one of `b` colours, 1 for the reverse, else 0."""
    if min(a, b) > _MOST_COLOURS or max(a, b) < _LEAST_COLOURS:
        return 0
    return -1 if a < b else 1


def _colours(path: Path) -> int:
    """Returns the number of different colours in a picture; 0 if it can no longer be read."""
    try:
        frame = read_photo(path)
    except PhotoError:
        return 0
    step = max(1, min(frame.shape[:2]) // _SAMPLED_SIDE)
    sampled = frame[::step, ::step].astype(np.uint32)
    return len(np.unique(sampled[..., 0] << 16 | sampled[..., 1] << 8 | sampled[..., 2]))

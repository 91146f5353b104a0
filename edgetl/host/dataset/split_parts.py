"""Recognises the part of a split (train, val, test) in the name of a folder, as `Training`, `valid` or `seg_test`."""

from __future__ import annotations

import re
from typing import Literal

Part = Literal["", "train", "val", "test"]

PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "holdout": "test",
}
"""The part that each folder name means; the names are in lower case."""

_UNLABELLED = frozenset({"pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled"})
"""Words in the names of folders whose photos have no known class."""

_SET = re.compile(r"(set|data|images?|imgs?|photos?)$")
"""The ending of a word that also contains the name of a part, as in `trainset`."""


def exact_part(name: str) -> Part:
    """Returns the part that a whole folder name means, as `train`, `Testing` or `val2017`; empty if none."""
    return PARTS.get(name.lower().rstrip("0123456789"), "")


def part_in_words(name: str) -> Part:
    """Returns the part that one word of a folder name means, as in `seg_train` or `test-set`.

    The result is empty if no word means a part, or if several words mean different parts. A class may have such a
    name, for example `test_tube`, so the caller must also check the content of the folder.
    """
    found = {PARTS.get(word) or PARTS.get(_SET.sub("", word), "") for word in _words(name)} - {""}
    return found.pop() if len(found) == 1 else ""


def is_unlabelled(name: str) -> bool:
    """Returns whether a folder name has a word for photos without a known class, as `seg_pred` or `unlabeled`."""
    return not _UNLABELLED.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # TrainImages
    return re.findall(r"[a-z]+", split.lower())

"""Which part of a data set's own split a folder is called after, as `Training`, `valid` or `seg_test`."""

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
"""The part of the split that a folder's name means, in lower case."""

_UNLABELLED = frozenset({"pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled"})
"""Words in the names of folders whose photos are of no known class."""

_SET = re.compile(r"(set|data|images?|imgs?|photos?)$")
"""What may follow the part's name in the same word, as in `trainset`."""


def exact_part(name: str) -> Part:
    """Returns the part that a folder's whole name means, as `train`, `Testing` or `val2017`; empty if none."""
    return PARTS.get(name.lower().rstrip("0123456789"), "")


def part_in_words(name: str) -> Part:
    """Returns the part that one word of a folder's name means, as in `seg_train` or `test-set`.

    It is empty if no word means a part, or if several mean different ones. A class may be called so, too, as
    `test_tube` is: look at what the folder holds.
    """
    found = {PARTS.get(word) or PARTS.get(_SET.sub("", word), "") for word in _words(name)} - {""}
    return found.pop() if len(found) == 1 else ""


def is_unlabelled(name: str) -> bool:
    """Says whether a folder's name has a word for photos of no known class, as `seg_pred` or `unlabeled`."""
    return not _UNLABELLED.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # TrainImages
    return re.findall(r"[a-z]+", split.lower())

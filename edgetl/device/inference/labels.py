"""Labels: reads them from a text file, checks them, and puts them in the order of a model's output columns."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from edgetl.errors import ModelError, UsageError
from edgetl.files import read_regular
from edgetl.text import label_problem

logger = logging.getLogger(__name__)

LABELS_REMEDY = "give a text file with one label a line: --labels FILE"
_LARGEST_FILE = 16 << 20
"""A labels file may have at most this many bytes, which is room for 80,000 of the longest labels."""
_NUMBERED = re.compile(r"(\d{1,6})(?:\s*[:,;]\s*|\s+)(\S.*)")
"""A line such as `0 Rock`, `7: tench` or `12,parrot`: the number of a column and its label."""


def read_labels(path: Path, columns: int | None = None) -> tuple[str, ...]:
    """Reads a labels file with one label a line; repeated labels get a number.

    Args:
        path: the file, UTF-8.
        columns: the number of the model's output columns, from which follows what numbers before the labels mean; see
            `in_column_order`. None stands for as many columns as there are labels.

    Raises:
        UsageError: the file can't be read.
        ModelError: the file is not text, or a label can't be used.
    """
    lines = read_lines(path)
    return label_columns(lines, len(lines) if columns is None else columns)


def read_lines(path: Path) -> list[str]:
    """Reads the lines of a labels file; an empty file has none.

    Raises:
        UsageError: the file can't be read.
        ModelError: the file is not text, or a label can't be used.
    """
    try:
        content = read_regular(path, _LARGEST_FILE)
    except OSError as error:
        what = f"the labels can't be read: {error.strerror}"
        raise UsageError(what, where=str(path), remedy=LABELS_REMEDY) from error
    return split_lines(content, str(path))


def split_lines(content: bytes, where: str) -> list[str]:
    """Splits the content of a labels file into lines, without the blanks around them; an empty file has none.

    Args:
        content: the content of the file.
        where: the place of the file, for messages.

    Raises:
        ModelError: the content is not text, or a label can't be used.
    """
    try:
        lines = content.decode("utf-8-sig").rstrip().split("\n")
    except UnicodeDecodeError as error:
        remedy = "save the file as UTF-8 text, with one label a line"
        raise ModelError("the labels are not UTF-8 text", where=where, remedy=remedy) from error
    lines = [line.replace("\t", " ").strip() for line in lines] if any(lines) else []
    for number, line in enumerate(lines, 1):
        if problem := label_problem(line):
            what = f"the label in line {number} can't be used: {problem}"
            raise ModelError(what, where=where, remedy=LABELS_REMEDY)
    return lines


def in_column_order(lines: Sequence[str], columns: int) -> list[str]:
    """Puts labels that have a number before them in the order of the numbers, and removes the numbers.

    Numbers stand for columns only if every line has one, no number and no label occurs twice, and the numbers fit the
    model: from 0 to the last column, with or without gaps, or from 1 to the number of columns. A column in a gap is
    called `class N`. In all other cases the whole lines are the labels, as with the coins `1 cent`, `2 cent`, `5 cent`.

    Args:
        lines: the lines of a labels file.
        columns: the number of the model's output columns.

    Examples:
        >>> in_column_order(["1: pear", "0: apple"], 2)
        ['apple', 'pear']
    """
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    named = {int(match[1]): match[2] for match in matches if match}
    if not lines or len(set(named.values())) < len(lines):
        return list(lines)
    first, last = min(named), max(named)
    if last == columns - 1 and (first == 0 or len(lines) < columns):
        start = 0
    elif last == columns and first == 1:
        start = 1
    else:
        return list(lines)
    missing = columns - len(named)
    if missing:
        logger.warning("%d of %d columns have no label; they are called `class N`", missing, columns)
    return [named.get(column + start, f"class {column}") for column in range(columns)]


def label_columns(lines: Sequence[str], columns: int) -> tuple[str, ...]:
    """Returns the labels of a classifier in the order of its columns, none of them twice.

    Args:
        lines: the lines of a labels file; two lines may stand for the only column of a model with two classes.
        columns: the number of the model's output columns.
    """
    return unique_labels(in_column_order(lines, 2 if columns == 1 and len(lines) == 2 else columns))


def unique_labels(lines: Sequence[str]) -> tuple[str, ...]:
    """Returns labels of which none occurs twice: a repeated one gets a number, as ImageNet's `crane (2)`."""
    labels: dict[str, None] = {}
    counts: dict[str, int] = {}
    for name in lines:
        label, count = name, counts.get(name, 1)
        while label in labels:
            count += 1
            label = f"{name} ({count})"
        labels[label] = None
        counts[name] = count
    return tuple(labels)

"""Reads the parts that every annotation format has: files of text, numbers, sizes and class names."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.files import is_lfs_pointer, read_regular
from edgetl.text import label_problem, printable

MOST_BYTES = 512 << 20
"""An annotation file may have at most this many bytes; the largest file of COCO has 448 MiB."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""The byte order marks of UTF-16, in which spreadsheets and programs on Windows save text."""

_MOST_PX = 1e9
"""A number in an annotation may be at most this large, px; no photo is wider, and larger numbers would overflow."""


def read_bytes(path: Path, limit: int = MOST_BYTES) -> bytes:
    """Reads an annotation file as bytes.

    Args:
        path: the file.
        limit: the largest size that is accepted, bytes.

    Raises:
        DatasetError: the file can't be read, is not a regular file, is too large, or is a Git LFS pointer.
    """
    try:
        data = read_regular(path, limit)
    except OSError as error:
        what = f"can't be read: {error.strerror}"
        raise DatasetError(what, where=str(path), remedy="check the file and its permissions") from error
    if is_lfs_pointer(data):
        raise lfs_error(path)
    return data


def read_text(path: Path, limit: int = MOST_BYTES) -> str:
    """Reads an annotation file as text with line feeds as line ends.

    Args:
        path: the file, in UTF-8, or in UTF-16 with a byte order mark.
        limit: the largest size that is accepted, bytes.

    Raises:
        DatasetError: `read_bytes` refuses the file, or it is in another encoding.
    """
    data = read_bytes(path, limit)
    is_utf_16 = data.startswith(_UTF_16)
    try:
        text = data.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not a text in {'UTF-16' if is_utf_16 else 'UTF-8'} (byte {error.start})"
        raise DatasetError(what, where=str(path), remedy="save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def head_of(path: Path, count: int) -> bytes:
    """Returns the first bytes of a file, re-encoded as UTF-8 if they are UTF-16.

    Args:
        path: the file.
        count: the number of bytes to read.

    Returns:
        The bytes; empty if the file can't be read or is not a regular file.
    """
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            head = stream.read(count)
    except OSError:
        return b""
    return head.decode("utf-16", "ignore").encode() if head.startswith(_UTF_16) else head


def lfs_error(path: Path) -> DatasetError:
    """Returns the error for a Git LFS pointer that stands in place of an annotation file."""
    remedy = "fetch the files themselves: run `git lfs pull` in the repository that they come from"
    return DatasetError("is a Git LFS pointer, not the file itself", where=str(path), remedy=remedy)


def number(text: object, what: str, where: str) -> float:
    """Converts an annotated value into a finite number.

    Args:
        text: the number, or its text.
        what: the name of the value, for the message.
        where: the file and line, for the message.

    Raises:
        DatasetError: the value is not a number, or its magnitude is above a billion.
    """
    try:
        if isinstance(text, str | int | float) and not isinstance(text, bool) and "_" not in str(text):
            value = float(text)
            if math.isfinite(value) and abs(value) <= _MOST_PX:
                return value
    except (ValueError, OverflowError):  # also of whole numbers with thousands of digits
        pass
    raise DatasetError(f"{what} must be a number, got {_shown(text)}", where=where, remedy="correct the annotation")


def size_wh(width: object, height: object, where: str) -> tuple[int, int] | None:
    """Converts an annotated size of a photo into whole px.

    Args:
        width: the annotated width: a number or its text; None, an empty text and zero mean unknown.
        height: the annotated height, in the same forms.
        where: the file and line, for the message.

    Returns:
        Width and height, px; None if one of them is unknown.

    Raises:
        DatasetError: one of the values is not a number.
    """
    values = []
    for value, name in ((width, "an image's width"), (height, "an image's height")):
        plain = value.strip() if isinstance(value, str) else value
        values.append(0 if plain is None or plain == "" else int(number(plain, name, where)))
    return (values[0], values[1]) if min(values) > 0 else None


def class_name(text: str, what: str, where: str) -> str:
    """Returns the name of a class in Unicode's composed form (NFC), without blanks and line breaks around it.

    Args:
        text: the name in the annotation.
        what: the entry that has the name, for the message.
        where: the file and line, for the message.

    Raises:
        DatasetError: the text can't be a class name; see `edgetl.text.label_problem`.
    """
    name = unicodedata.normalize("NFC", text.strip())
    problem = label_problem(name)
    if problem:
        shown = printable(name[:40])
        reason = f"{what} has the class {shown!r}, which can't be used: {problem}" if name else f"{what} has no name"
        raise DatasetError(reason, where=where, remedy="give the class a short name in one line")
    return name


def format_px(value: float) -> str:
    """Formats a coordinate in px to 1e-4; a whole number has no decimal point, as many programs require."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value[:38])
    try:
        return f"{value!s:.40}" if isinstance(value, int | float) else "none"
    except ValueError:  # Python refuses to write out a whole number of many digits
        return "a number of thousands of digits"

"""What every annotation format is made of: files of text, numbers, sizes and class names."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.files import is_lfs_pointer, read_regular
from edgetl.text import label_problem, printable
from edgetl.text import listed as listed

MOST_BYTES = 512 << 20
"""An annotation file may have at most this many bytes; COCO's own largest has 448 MiB."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How a text begins that spreadsheets and Windows' programs save in UTF-16."""

_MOST_PX = 1e9
"""A number in an annotation is at most this large: a hundred thousand photos side by side."""


def read_bytes(path: Path, limit: int = MOST_BYTES) -> bytes:
    """Reads an annotation file.

    Args:
        path: the file.
        limit: the largest number of bytes that it may have.

    Raises:
        DatasetError: it can't be read, is not a regular file, is too large, or is a Git LFS pointer.
    """
    try:
        data = read_regular(path, limit)
    except OSError as error:
        what = f"can't be read: {error.strerror}"
        raise DatasetError(what, where=str(path), remedy="look at the file and its permissions") from error
    if is_lfs_pointer(data):
        raise lfs_error(path)
    return data


def read_text(path: Path, limit: int = MOST_BYTES) -> str:
    """Reads an annotation file in UTF-8, or in UTF-16 if it says so; its lines are ended by a line feed.

    See `read_bytes`.

    Raises:
        DatasetError: it can't be read, or is in another encoding.
    """
    data = read_bytes(path, limit)
    wide = data.startswith(_UTF_16)
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not a text in {'UTF-16' if wide else 'UTF-8'} (byte {error.start})"
        raise DatasetError(what, where=str(path), remedy="save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def head_of(path: Path, count: int) -> bytes:
    """Returns a file's first bytes, those of UTF-16 in UTF-8; none if it can't be read or is no regular file."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            head = stream.read(count)
    except OSError:
        return b""
    return head.decode("utf-16", "ignore").encode() if head.startswith(_UTF_16) else head


def lfs_error(path: Path) -> DatasetError:
    """Returns the error that names a Git LFS pointer for what it is."""
    remedy = "fetch the files themselves: run `git lfs pull` in the repository that they come from"
    return DatasetError("is a Git LFS pointer, not the file itself", where=str(path), remedy=remedy)


def number(text: object, what: str, where: str) -> float:
    """Returns a finite number of at most a billion.

    Args:
        text: the number, or a text that is one.
        what: the name of the value in the message.
        where: the file and line for the message.

    Raises:
        DatasetError: it is no such number.
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
    """Returns a photo's width and height in px as an annotation says; None where it doesn't.

    Args:
        width: a number, or a text that is one; None, an empty text and zero mean that the annotation doesn't know.
        height: likewise.
        where: the file and line for the message.

    Raises:
        DatasetError: one of them is no number.
    """
    values = []
    for value, name in ((width, "an image's width"), (height, "an image's height")):
        plain = value.strip() if isinstance(value, str) else value
        values.append(0 if plain is None or plain == "" else int(number(plain, name, where)))
    return (values[0], values[1]) if min(values) > 0 else None


def class_name(text: str, what: str, where: str) -> str:
    """Returns a class's name without the blanks and line breaks around it, its accents composed.

    Args:
        text: the name as the annotation has it.
        what: the entry that it belongs to, for the message.
        where: the file and line for the message.

    Raises:
        DatasetError: the text can't be a class name; see `edgetl.text.label_problem`.
    """
    name = unicodedata.normalize("NFC", text.strip())
    problem = label_problem(name)
    if problem:
        shown = printable(name[:40])
        told = f"{what} has the class {shown!r}, which can't be used: {problem}" if name else f"{what} has no name"
        raise DatasetError(told, where=where, remedy="give the class a short name in one line")
    return name


def written(value: float) -> str:
    """Returns px as text: whole ones as whole numbers, since many programs read nothing else, others to 1e-4."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value[:38])
    try:
        return f"{value!s:.40}" if isinstance(value, int | float) else "none"
    except ValueError:  # Python refuses to write out a whole number of many digits
        return "a number of thousands of digits"

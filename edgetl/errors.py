"""Defines the errors that edgetl raises on purpose: what happened, where, and what to do about it."""

from __future__ import annotations

from typing import ClassVar


class EdgetlError(Exception):
    """A failure at run time; the base class of every error that is meant for a person.

    Example:
        >>> import edgetl
        >>> print(edgetl.EdgetlError("can't write", where="models/parts", remedy="free some space there"))
        can't write
          where: models/parts
          remedy: free some space there

    Args:
        what: what happened, in one line.
        where: the file, folder, option or stage in which it happened; may be empty.
        remedy: what the reader can do about it; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"  where: {self.where}" if self.where else ""
        remedy = f"  remedy: {self.remedy}" if self.remedy else ""
        return "\n".join(line for line in (self.what, where, remedy) if line)


class UsageError(EdgetlError):
    """The command line or a call makes no sense: an unknown name, or options that contradict each other."""

    exit_code = 2


class DatasetError(EdgetlError):
    """The data set can't be used."""

    exit_code = 3


class ModelError(EdgetlError):
    """A model, its weights, its card or its bundle is invalid."""

    exit_code = 4


class GateError(EdgetlError):
    """A gate is not met: accuracy, equality with the golden set, or latency."""

    exit_code = 5


class CameraError(EdgetlError):
    """The source of frames can't be opened, or is lost."""

    exit_code = 6

"""Checks the types of the arguments that a Python program passes, so that a wrong one is an `EdgetlError`."""

from __future__ import annotations

import os
import types
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from edgetl.errors import UsageError
from edgetl.text import printable

T = TypeVar("T")


def path_argument(value: object, name: str) -> Path:
    """Returns an argument as a path.

    Args:
        value: the argument, a `str` or an `os.PathLike`.
        name: the argument's name, for the message.

    Raises:
        UsageError: the argument has another type.
    """
    return Path(text_argument(value, name))


def text_argument(value: object, name: str) -> str:
    """Returns an argument that is a name or a path as a text.

    Args:
        value: the argument, a `str` or an `os.PathLike`.
        name: the argument's name, for the message.

    Raises:
        UsageError: the argument has another type.
    """
    try:
        return _text(value)
    except TypeError as error:
        raise wrong_type(value, name, "a text or a path") from error


def object_argument(value: object, kind: type[T], name: str) -> T:
    """Returns an argument if it is an instance of a class.

    Args:
        value: the argument.
        kind: the class, or a Protocol that is checked at run time.
        name: the argument's name, for the message.

    Raises:
        UsageError: the argument has another type.
    """
    if not isinstance(value, kind):
        raise wrong_type(value, name, f"an edgetl.{kind.__name__}")
    return value


def wrong_type(value: object, name: str, expected: str) -> UsageError:
    """Returns the error for an argument of a wrong type.

    Args:
        value: the argument.
        name: the argument's name.
        expected: the type that it must have, with an article.
    """
    shown = printable(repr(value))[:40]
    return UsageError(f"{name} must be {expected}, got {shown}", remedy=f"pass {expected} as {name}")


def convert_fields(options: object) -> None:
    """Checks every field of a dataclass, and brings it to its declared type where nothing is lost by that.

    A text becomes a path, a path a text, a list a tuple, a whole number a float, and a number of NumPy one of Python.

    Args:
        options: the dataclass, called from its `__post_init__`; it may be frozen.

    Raises:
        UsageError: a field has a type that can't be converted.
    """
    cls: type = type(options)
    for name, kind in _hints(cls).items():
        value = getattr(options, name)
        try:
            object.__setattr__(options, name, _converted(kind, value))
        except TypeError as error:
            what = f"{name} must be {_described(kind)}, got {printable(repr(value))[:40]}"
            raise UsageError(what, where=cls.__name__, remedy=f"see help(edgetl.{cls.__name__})") from error


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _text(value: object) -> str:
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError
    return text


def _converted(kind: Any, value: Any) -> Any:  # noqa: ANN401 - as wide as the fields
    """Returns a value in a declared type.

    Raises:
        TypeError: the value has another type.
    """
    value = value.item() if getattr(value, "ndim", None) == 0 else value  # a number of NumPy
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _member(args, value)
    if origin is Literal:
        if not isinstance(value, str) or value not in args:
            raise TypeError
        return value
    if origin is tuple:
        return _tuple(args, value)
    return _single(kind, value)


def _member(kinds: tuple[Any, ...], value: object) -> object:
    """Returns the value as it is if it has one of the types, else in the first type that it can be converted to."""
    classes = [kind for kind in kinds if isinstance(kind, type)]
    if any(type(value) is kind or (kind is Path and isinstance(value, kind)) for kind in classes):
        return value
    for kind in kinds:
        try:
            return _converted(kind, value)
        except TypeError:
            continue
    raise TypeError


def _tuple(kinds: tuple[Any, ...], value: object) -> tuple[object, ...]:
    if isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable):
        raise TypeError
    items = tuple(value)
    if kinds[1:] == (...,):
        return tuple(_converted(kinds[0], item) for item in items)
    if len(items) != len(kinds):
        raise TypeError
    return tuple(_converted(kind, item) for kind, item in zip(kinds, items, strict=True))


def _single(kind: type, value: Any) -> object:  # noqa: ANN401 - as wide as the fields
    if kind is str:
        return _text(value)
    if kind is Path:
        return Path(_text(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is bool and isinstance(value, int) and value in (0, 1):
        return bool(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    return value


_NAMES = {str: "a text", Path: "a path", int: "a whole number", float: "a number", bool: "True or False"}
"""The words for the types, in messages."""


def _described(kind: Any) -> str:  # noqa: ANN401 - as wide as the fields
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_described(one) for one in args)
    if origin is Literal:
        return " or ".join(repr(one) for one in args)
    if origin is tuple:
        if args[1:] == (...,):
            return f"a list in which each item is {_described(args[0])}"
        return f"a tuple ({', '.join(_described(one) for one in args)})"
    return "None" if kind is type(None) else _NAMES.get(kind, f"edgetl.{kind.__name__}")

"""Reads frozen dataclasses from JSON and TOML strictly: no unknown key, no missing key, no conversion of types."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
import types
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from edgetl.text import printable

T = TypeVar("T")

LARGEST = 2**63 - 1
"""A whole number may be at most this far from zero, so that it fits NumPy's and the runtimes' integers."""
MOST_TOML_BYTES = 1 << 20
"""A TOML file may have at most this many bytes; a target or the options of a training need less than a hundredth."""

FLAT: Final = {"flat": True}
"""The metadata of a field that holds a dataclass: its keys stand in the document beside those of the other fields."""


class SchemaError(ValueError):
    """A document doesn't fit its dataclass; the message names the key and what was expected."""


def parse_toml(content: bytes) -> dict[str, Any]:
    """Returns the content of a TOML file.

    Args:
        content: the file's bytes.

    Raises:
        SchemaError: the file isn't TOML or UTF-8, or Python can't read it, for example because of a number with 5,000
            digits, the 30th of February or a thousand nested lists.
    """
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise SchemaError("its lists or tables are nested too deeply") from error
    except ValueError as error:
        raise SchemaError(str(error)) from error


def parse(cls: type[T], data: object, at: str = "") -> T:
    """Builds a dataclass from parsed JSON or TOML.

    Args:
        cls: a dataclass whose fields are str, int, float, bool, Literal, Optional, tuple[X, ...], dict[str, X], further
            dataclasses or a union of these.
        data: the value that `json.loads` or `tomllib.loads` returned.
        at: dotted path of `data` in its document, for messages.

    Raises:
        SchemaError: there is an unknown or missing key, or a value of another type.
    """
    if not isinstance(data, Mapping):
        raise SchemaError(f"{at or 'the document'} must be a table, got {_kind(data)}")
    prefix = f"{at}." if at else ""
    keys = _keys(cls)  # type: ignore[arg-type] # mypy takes no type for hashable
    for key in data:
        if key not in keys:
            raise SchemaError(f"unknown key {prefix}{printable(key)[:80]}; allowed: {', '.join(keys)}")
    return _built(cls, data, prefix)


def _built(cls: type[T], data: Mapping[str, object], prefix: str) -> T:
    """Builds a dataclass from those keys of a table that are its own."""
    hints, fields = _described(cls)  # type: ignore[arg-type]
    values = {}
    for name, field in fields.items():
        if field.metadata == FLAT:
            values[name] = _built(hints[name], data, prefix)
        elif name in data:
            values[name] = _value(hints[name], data[name], prefix + name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise SchemaError(f"missing key {prefix}{name}")
    return cls(**values)


@cache
def _described(cls: type) -> tuple[dict[str, Any], dict[str, dataclasses.Field[Any]]]:
    """Returns the types of a dataclass's fields, and the fields, by name; an index has many rows of one class."""
    return get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls)}


@cache
def _keys(cls: type) -> tuple[str, ...]:
    """Returns the keys that a dataclass has in a document."""
    hints, fields = _described(cls)
    return tuple(key for name, f in fields.items() for key in (_keys(hints[name]) if f.metadata == FLAT else [name]))


def document(value: object) -> Any:  # noqa: ANN401 - as wide as JSON
    """Returns a dataclass as JSON-ready values from which `parse` builds it again.

    Args:
        value: the dataclass, or one of its values.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        rows: dict[str, object] = {}
        for field in dataclasses.fields(value):
            content = document(getattr(value, field.name))
            rows |= content if field.metadata == FLAT else {field.name: content}
        return rows
    if isinstance(value, Mapping):
        return {key: document(one) for key, one in value.items()}
    return [document(one) for one in value] if isinstance(value, tuple | list) else value


def _value(kind: Any, data: object, at: str) -> Any:  # noqa: ANN401 - as wide as the fields it serves
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        return _value(_member((a for a in args if a is not type(None)), data), data, at)
    if origin is Literal:
        if data not in args:
            raise SchemaError(f"{at} must be one of {', '.join(map(str, args))}, got {_shown(data)}")
        return data
    if origin in (tuple, list, dict):
        return _container(origin, args, data, at)
    if dataclasses.is_dataclass(kind):
        return parse(kind, data, at)  # type: ignore[arg-type]
    return _scalar(kind, data, at)


def _member(kinds: Iterable[Any], data: object) -> Any:  # noqa: ANN401 - as wide as the fields it serves
    """Returns the member of a union that has most keys of a table; the first of equal members, and of scalars."""
    keys = set(data) if isinstance(data, Mapping) else set()

    def common_keys(kind: Any) -> int:  # noqa: ANN401
        return len(keys & {f.name for f in dataclasses.fields(kind)}) if dataclasses.is_dataclass(kind) else 0

    return max(kinds, key=common_keys)


def _container(origin: type, args: tuple[Any, ...], data: object, at: str) -> object:
    if origin in (tuple, list):
        if not isinstance(data, Sequence) or isinstance(data, str):
            raise SchemaError(f"{at} must be a list, got {_kind(data)}")
        return origin(_value(args[0], item, f"{at}[{i}]") for i, item in enumerate(data))
    if not isinstance(data, Mapping):
        raise SchemaError(f"{at} must be a table, got {_kind(data)}")
    return {str(k): _value(args[1], v, f"{at}.{printable(k)[:80]}") for k, v in data.items()}


def _scalar(kind: type, data: object, at: str) -> object:
    if isinstance(data, int) and abs(data) > LARGEST:
        raise SchemaError(f"{at} must lie within ±{LARGEST}, got a number of {data.bit_length()} bits")
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if isinstance(data, float) and not math.isfinite(data):  # JSON has no NaN and no infinity
        raise SchemaError(f"{at} must be a finite number, got {data}")
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise SchemaError(f"{at} must be {kind.__name__}, got {_kind(data)}")
    return data


def _kind(data: object) -> str:
    return f"{type(data).__name__} {_text(data)[:40]!r}"


def _shown(data: object) -> str:
    """Returns a value for a message: a text of 40 characters with escapes, or 42 characters of another value."""
    return repr(data[:40]) if isinstance(data, str) else printable(_text(data)[:42])


def _text(data: object) -> str:
    try:
        return str(data)
    except ValueError:  # Python refuses to write numbers of more than 4,300 digits
        return "a number too large to print"
    except RecursionError:
        return "nested too deeply to print"


def to_toml(rows: Mapping[str, object]) -> str:
    """Returns keys and values as TOML, one a line; keys whose value is None are left out.

    Args:
        rows: values by key: str, numbers, bool, None, or lists of these.
    """
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows.items() if value is not None)
    return "".join(lines).replace("\x7f", "\\u007f")

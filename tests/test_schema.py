from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import pytest

from edgetl.schema import FLAT, SchemaError, document, parse


@dataclass(frozen=True)
class Inner:
    size: int
    unit: Literal["px", "mm"] = "px"


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    share: float = 0.5
    on: bool = False
    note: str | None = None
    inners: tuple[Inner, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    radius: float = 1.0
    unit: str = "px"


@dataclass(frozen=True)
class Shape:
    form: Inner | Round | None


GOOD = {"name": "a", "inner": {"size": 1}}


def test_missing_keys_get_their_defaults():
    assert parse(Outer, GOOD) == Outer("a", Inner(1))


def test_every_kind_of_field_is_read():
    data = GOOD | {
        "share": 1,
        "on": True,
        "note": "b",
        "inners": [{"size": 2, "unit": "mm"}, {"size": 3}],
        "figures": {"x": 1, "y": 0.5},
    }
    read = parse(Outer, data)
    assert read == Outer("a", Inner(1), 1.0, True, "b", (Inner(2, "mm"), Inner(3)), {"x": 1.0, "y": 0.5})
    assert isinstance(read.share, float)
    assert isinstance(read.figures["x"], float)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the document must be a table, got list '[]'"),
        (None, "the document must be a table"),
        ({}, "missing key name"),
        ({"name": "a"}, "missing key inner"),
        (GOOD | {"nam": 1}, "unknown key nam; allowed: name, inner, share, on, note, inners, figures"),
        (GOOD | {"name": 1}, "name must be str, got int '1'"),
        (GOOD | {"name": None}, "name must be str, got NoneType"),
        (GOOD | {"inner": 1}, "inner must be a table, got int '1'"),
        (GOOD | {"inner": {}}, "missing key inner.size"),
        (GOOD | {"inner": {"size": 1, "x": 1}}, "unknown key inner.x; allowed: size, unit"),
        (GOOD | {"inner": {"size": 1.0}}, "inner.size must be int, got float '1.0'"),
        (GOOD | {"inner": {"size": True}}, "inner.size must be int, got bool 'True'"),
        (GOOD | {"inner": {"size": "1"}}, "inner.size must be int, got str '1'"),
        (GOOD | {"inner": {"size": 1, "unit": "cm"}}, "inner.unit must be one of px, mm, got 'cm'"),
        (GOOD | {"inner": {"size": 1, "unit": []}}, "inner.unit must be one of px, mm, got []"),
        (GOOD | {"inner": {"size": -(10**400)}}, "inner.size must lie within"),
        (GOOD | {"name": 10**5000}, "name must lie within"),
        (GOOD | {"name": [10**5000]}, "name must be str, got list 'a number too large"),
        (GOOD | {"nam\x1be": 1}, r"unknown key nam\x1be; allowed"),
        (GOOD | {"share": 10**400}, "share must lie within"),
        (GOOD | {"share": math.nan}, "share must be a finite number"),
        (GOOD | {"figures": {"x": -math.inf}}, "figures.x must be a finite number"),
        (GOOD | {"share": "1"}, "share must be float, got str '1'"),
        (GOOD | {"share": True}, "share must be float, got bool 'True'"),
        (GOOD | {"on": 1}, "on must be bool, got int '1'"),
        (GOOD | {"note": 1}, "note must be str, got int '1'"),
        (GOOD | {"inners": "ab"}, "inners must be a list, got str 'ab'"),
        (GOOD | {"inners": {}}, "inners must be a list, got dict"),
        (GOOD | {"inners": [{"size": 1}, {"size": ""}]}, "inners[1].size must be int, got str"),
        (GOOD | {"figures": [1]}, "figures must be a table, got list"),
        (GOOD | {"figures": {"x": "1"}}, "figures.x must be float, got str '1'"),
    ],
)
def test_an_invalid_document_is_refused(data, message):
    with pytest.raises(SchemaError) as caught:
        parse(Outer, data)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ({"size": 1}, Inner(1)),
        ({"radius": 2}, Round(2.0)),
        ({"radius": 2, "unit": "mm"}, Round(2.0, "mm")),
        ({"size": 1, "unit": "mm"}, Inner(1, "mm")),
        (None, None),
    ],
)
def test_union_takes_the_member_that_shares_most_keys(form, read):
    assert parse(Shape, {"form": form}) == Shape(read)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"radius": 1, "siz": 1}, "unknown key form.siz; allowed: radius, unit"),
        ({"unit": "mm"}, "missing key form.size"),
        ({}, "missing key form.size"),
        (3, "form must be a table, got int '3'"),
    ],
)
def test_union_is_as_strict_as_its_members(form, message):
    with pytest.raises(SchemaError) as caught:
        parse(Shape, {"form": form})
    assert str(caught.value) == message


def test_long_values_are_cut_in_messages():
    with pytest.raises(SchemaError) as caught:
        parse(Outer, GOOD | {"inner": ["x" * 1000]})
    assert len(str(caught.value)) < 100


@dataclass(frozen=True)
class Size:
    width: int
    height: int = 1


@dataclass(frozen=True)
class Named:
    name: str
    size: Size = field(metadata=FLAT)
    note: str = ""


def test_a_flat_field_has_its_keys_beside_the_others():
    assert document(Named("a", Size(2, 3))) == {"name": "a", "width": 2, "height": 3, "note": ""}
    assert parse(Named, {"name": "a", "width": 2}) == Named("a", Size(2))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "a"}, "missing key width"),
        ({"name": "a", "width": "2"}, "width must be int"),
        ({"name": "a", "width": 2, "size": {}}, "unknown key size; allowed: name, width, height, note"),
    ],
)
def test_a_flat_field_is_read_as_strictly_as_others(data, message):
    with pytest.raises(SchemaError, match=message):
        parse(Named, data)


def test_a_document_is_read_back_as_the_dataclass_that_it_was_made_of():
    value = Outer("a", Inner(1), 1.0, True, "b", (Inner(2, "mm"), Inner(3)), {"x": 1.0})
    assert parse(Outer, document(value)) == value

"""Declares what edgetl uses of Keras layers and of TensorFlow's graphs, which have no types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Layer(Protocol):
    """A Keras layer, or a network inside another one, which has `layers` of its own."""

    name: str
    weights: Sequence[object]
    output: object


class Rescaling(Layer, Protocol):
    """A `keras.layers.Rescaling`, which computes pixel * scale + offset."""

    scale: float | Sequence[float]
    offset: float | Sequence[float]


class NamedFunction(Protocol):
    """A reference to a function by its name."""

    name: str


class AttributeList(Protocol):
    """A list of values in a node's attribute."""

    func: Sequence[NamedFunction]


class Attribute(Protocol):
    """A value of a node's attribute."""

    func: NamedFunction
    list: AttributeList

    def HasField(self, name: str) -> bool:  # noqa: N802 - the library's name
        """Returns whether the attribute has a value of this kind."""


class Node(Protocol):
    """A `NodeDef`: one operation of a TensorFlow graph."""

    name: str
    op: str
    input: Sequence[str]
    attr: Mapping[str, Attribute]

"""Protocols of OpenVINO's untyped objects: the attributes and methods that edgetl uses, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from edgetl.vision.arrays import TensorData

# ruff: noqa: D102 - OpenVINO documents its methods


class PartialShape(Protocol):
    """A shape some of whose sides may be variable."""

    is_dynamic: bool

    def __len__(self) -> int: ...
    def to_shape(self) -> Sequence[int]: ...


class ElementType(Protocol):
    """The type of a tensor's numbers."""

    def to_dtype(self) -> np.dtype[np.generic]: ...


class Node(Protocol):
    """An operation of a graph."""

    def get_friendly_name(self) -> str: ...


class Port(Protocol):
    """An input or an output of a model."""

    shape: Sequence[int]
    partial_shape: PartialShape
    element_type: ElementType

    def get_names(self) -> set[str]: ...
    def get_any_name(self) -> str: ...
    def get_node(self) -> Node: ...


class ReadModel(Protocol):
    """A model as it was read, whose graph can still be changed."""

    inputs: list[Port]
    outputs: list[Port]

    def input(self, index: int) -> Port: ...


class TensorMemory(Protocol):
    """The memory of a tensor."""

    data: TensorData


class InferRequest(Protocol):
    """One inference after the other, with memory of its own."""

    def get_input_tensor(self) -> TensorMemory: ...
    def get_output_tensor(self, index: int) -> TensorMemory: ...
    def infer(self, *, share_outputs: bool) -> object: ...


class CompiledModel(Protocol):
    """The attributes and methods of an `openvino.CompiledModel` that are used here."""

    inputs: list[Port]
    outputs: list[Port]

    def create_infer_request(self) -> InferRequest: ...


class Core(Protocol):
    """The methods of `openvino.Core` that are called here."""

    def read_model(self, model: Path) -> ReadModel: ...
    def compile_model(self, model: ReadModel, device_name: str, config: dict[str, object]) -> CompiledModel: ...

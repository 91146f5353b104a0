"""Declares what edgetl uses of OpenVINO's models, which have no types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class GraphTensor(Protocol):
    """The tensor of a port, which carries its names."""

    def set_names(self, names: set[str]) -> None:
        """Replaces the names."""


class Port(Protocol):
    """An `openvino.Output`: an input or output of a graph, or the output of a node."""

    shape: Sequence[int]

    def get_tensor(self) -> GraphTensor:
        """Returns the tensor."""

    def get_names(self) -> set[str]:
        """Returns the tensor's names."""

    def get_node(self) -> Node:
        """Returns the node that the port belongs to."""


class Node(Protocol):
    """An `openvino.Node`: one operation of a graph."""

    shape: Sequence[int]

    def output(self, index: int) -> Port:
        """Returns one of the outputs."""

    def input_value(self, index: int) -> Port:
        """Returns the output of another node that feeds one of the inputs."""


class Graph(Protocol):
    """An `openvino.Model`."""

    outputs: Sequence[Port]

    def input(self, index: int) -> Port:
        """Returns one of the inputs."""

    def output(self, name: str) -> Port:
        """Returns an output by its name."""

    def reshape(self, shape: Sequence[int]) -> None:
        """Fixes the shape of the only input."""

    def get_parameters(self) -> Sequence[Node]:
        """Returns the nodes of the inputs."""

    def set_rt_info(self, value: object, path: Sequence[str]) -> None:
        """Writes a value into the runtime info."""

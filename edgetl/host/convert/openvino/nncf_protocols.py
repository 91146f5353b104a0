"""Declares what edgetl uses of NNCF, which quantizes OpenVINO's graphs and has no types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from edgetl.device.runtime.openvino_protocols import CompiledModel
from edgetl.host.convert.openvino.graph_protocols import Graph
from edgetl.vision.arrays import Floats, Image

Evaluate = Callable[[CompiledModel, Iterable[Image]], tuple[float, list[list[Floats]]]]
"""Returns the metric of a compiled model, and its outputs for each row of data, each (1, …) float32."""


class Rows(Protocol):
    """An `nncf.Dataset`: rows of data, and the function that turns a row into a model's input."""


class Presets(Protocol):
    """The enumeration `nncf.QuantizationPreset`."""

    MIXED: object


class Devices(Protocol):
    """The enumeration `nncf.TargetDevice`."""

    CPU: object


class NNCF(Protocol):
    """The module `nncf`."""

    QuantizationPreset: Presets
    TargetDevice: Devices

    def Dataset(self, rows: Sequence[Image], transform: Callable[[Image], Image]) -> Rows:  # noqa: N802
        """Makes a data set of rows.

        Args:
            rows: the rows, each (H, W, 3) uint8.
            transform: the function that turns a row into the model's input, (1, H, W, 3) uint8.
        """

    def AdvancedQuantizationParameters(self, **options: object) -> object:  # noqa: N802
        """Returns options of a quantization."""

    def AdvancedAccuracyRestorerParameters(self, **options: object) -> object:  # noqa: N802
        """Returns options of a quantization that restores accuracy."""

    def quantize(self, graph: Graph, dataset: Rows, **options: object) -> Graph:
        """Returns a quantized copy of a graph."""

    def quantize_with_accuracy_control(
        self, graph: Graph, dataset: Rows, validation: Rows, evaluate: Evaluate, **options: object
    ) -> Graph:
        """Returns a quantized copy of a graph in which layers are turned back to float until a metric is reached.

        Args:
            graph: the float graph.
            dataset: the rows to calibrate with.
            validation: the rows to evaluate with.
            evaluate: the function that gets rows, each (H, W, 3) uint8, and returns the metric and the outputs for each
                row, each (1, …) float32.
            options: further options of NNCF.
        """

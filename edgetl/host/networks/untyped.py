"""Describes what edgetl uses of libraries without type information.

A Protocol names the methods that are used, so that mypy checks edgetl's side of the border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = Any
"""A tensor of whichever backend Keras runs on; its arithmetic is as wide as NumPy's, so no Protocol names it."""

Library: TypeAlias = Any
"""An imported module, or an object of its making."""


class Predictor(Protocol):
    """A network that only predicts: a `keras.Model`, or a `.tflite` file in its place."""

    def predict_on_batch(self, pixels: NDArray[np.generic], /) -> Any:  # noqa: ANN401 - one array, or a list of them
        """Returns the outputs for a batch, (N, …) float32: an array, or a list if there are several."""


class Variable(Protocol):
    """A Keras variable."""

    path: str
    shape: tuple[int, ...]

    def assign(self, value: object) -> object:
        """Replaces the values."""


class Layer(Protocol):
    """A Keras layer."""

    name: str
    trainable: bool
    output: Tensor
    weights: list[Variable]
    variables: list[Variable]
    trainable_variables: list[Variable]

    def __call__(self, inputs: Tensor, *, training: bool | None = None) -> Tensor:
        """Returns the layer's output for inputs of the layer's shape."""

    def get_weights(self) -> list[NDArray[np.generic]]:
        """Returns the values of the weights, each of its own shape, float32."""

    def set_weights(self, weights: Sequence[NDArray[np.generic]]) -> None:
        """Replaces the values of the weights, each of its own shape, float32."""


class Optimizer(Protocol):
    """A Keras optimizer with the layer rates of `edgetl.host.train.schedule`."""

    factors: Mapping[str, float]
    unaveraged: Sequence[Tensor]
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    learning_rate: Tensor
    variables: list[Variable]

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the optimizer's own variables."""

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Puts the averaged weights into the variables if averaging is on."""


class HdfDataset(Protocol):
    """A dataset of an HDF5 file, an `h5py.Dataset`."""

    name: str
    id: Any
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...] | None
    chunks: tuple[int, ...] | None
    nbytes: int
    external: Sequence[object] | None
    is_virtual: bool


class HdfGroup(Protocol):
    """A group of an HDF5 file, an `h5py.Group`; an item is a group or a dataset."""

    name: str
    attrs: Mapping[str, Any]

    def __iter__(self) -> Iterator[str]:
        """Returns the names of the items."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a group or a dataset
        """Returns an item."""

    def get(self, name: str, default: HdfGroup | None = None, *, getlink: bool = False) -> Any:  # noqa: ANN401
        """Returns an item, or the link to it, or else the default."""

    def visititems(self, visit: Callable[[str, Any], None]) -> None:
        """Calls a function with the path and the item of everything below the group."""


class Network(Layer, Predictor, Protocol):
    """A `keras.Model`."""

    layers: list[Any]
    """The layers of the network, and networks that it contains."""
    inputs: list[Tensor]
    outputs: list[Tensor]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    optimizer: Optimizer

    def compile(self, optimizer: Optimizer, loss: object, *, metrics: Sequence[str], jit_compile: bool | str) -> None:
        """Sets the optimizer and the loss."""

    def train_on_batch(self, *batch: NDArray[np.generic], return_dict: bool) -> Mapping[str, Tensor]:
        """Trains on a batch; returns the means of loss and metrics since `reset_metrics`."""

    def reset_metrics(self) -> None:
        """Begins new means of loss and metrics."""

    def predict(self, x: NDArray[np.generic], batch_size: int, verbose: int) -> NDArray[np.float32]:
        """Returns the output for N inputs, (N, …) float32."""

    def get_layer(self, name: str) -> Any:  # noqa: ANN401 - a layer of any kind
        """Returns the layer of a name."""

    def save(self, path: object) -> None:
        """Writes the model as a `.keras` file."""

    def load_weights(self, path: object) -> None:
        """Reads the weights of an `.h5` file."""

    def save_weights(self, path: object) -> None:
        """Writes the weights as a `.weights.h5` file."""

    def export(self, path: object) -> None:
        """Writes the model as a SavedModel."""

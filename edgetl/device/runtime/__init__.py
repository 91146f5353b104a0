"""Runtimes: the libraries that execute a model file, LiteRT and OpenVINO, behind one Protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from edgetl.errors import ModelError
from edgetl.vision.arrays import Floats, TensorData
from edgetl.vision.quantized import Quantization, dequantize


class UnloadableRuntimeError(ModelError):
    """The library that executes a model file is not installed or is broken; the file itself may be sound."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or an output of a model.

    Attributes:
        name: the tensor's name in the model file.
        shape: the tensor's shape, including the batch axis.
        dtype: NumPy's name of the type of its numbers, for example `uint8`.
        scale: the step between two quantized numbers: real = scale * (number - zero_point); 0 for a tensor whose
            numbers are not quantized.
        zero_point: the number that stands for 0 in a quantized tensor.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def quantization(self) -> Quantization:
        """How the tensor's numbers become real numbers."""
        return Quantization(self.dtype, self.scale, self.zero_point)

    def dequantize(self, numbers: TensorData) -> Floats:
        """Returns the tensor's content as real numbers, a new array, (…) float32 of the same shape.

        Args:
            numbers: the content as the runtime gives it, (…) of any shape: uint8, int8 or float32.
        """
        return dequantize(numbers, self.quantization)


class Runtime(Protocol):
    """A loaded model file with one image input, used by one thread at a time.

    Attributes:
        input: the input, (1, H, W, 3).
        outputs: the outputs, in the order of the model file.
    """

    input: Tensor
    outputs: tuple[Tensor, ...]

    def input_view(self) -> TensorData:
        """Returns the memory of the input, (H, W, 3) uint8, int8 or float32; drop it before `invoke`."""

    def invoke(self) -> None:
        """Runs the network on the content of the input.

        Raises:
            ModelError: the network fails.
        """

    def output_view(self, index: int) -> TensorData:
        """Returns the memory of an output without its batch axis, (…) any dtype; drop it before the next `invoke`."""

    def close(self) -> None:
        """Frees the model."""


OpenRuntime = Callable[[Path, int], Runtime]
"""A function that opens a model file with a number of threads."""

RUNTIMES = {
    "tflite": "edgetl.device.runtime.tflite:TFLiteRuntime",
    "openvino": "edgetl.device.runtime.openvino:OpenVINORuntime",
}
"""The class of each runtime by its name; its module also has `load_library` and `library_version`."""


def require_runtime(name: str) -> None:
    """Loads the library of a runtime, so that a missing one is reported before a model file is touched.

    Args:
        name: the runtime, a key of `RUNTIMES`.

    Raises:
        UnloadableRuntimeError: the library is not installed or is broken.
    """
    import_module(RUNTIMES[name].split(":")[0]).load_library()


def library_version(name: str) -> str:
    """Loads the library of a runtime and returns its version.

    Args:
        name: the runtime, a key of `RUNTIMES`.

    Raises:
        UnloadableRuntimeError: the library is not installed or is broken.
    """
    return str(import_module(RUNTIMES[name].split(":")[0]).library_version())


def open_runtime(name: str, path: Path, threads: int, *, made_here: bool = False) -> Runtime:
    """Opens a model file; an unknown file is first tried in a sandbox.

    Args:
        name: the runtime, a key of `RUNTIMES`.
        path: the model file.
        threads: the number of threads for inference, at least 1.
        made_here: whether this process made the file, so that it needs no sandbox; see
            `edgetl.device.runtime.sandbox`.

    Raises:
        UnloadableRuntimeError: the library is not installed or is broken.
        ModelError: the library refuses the file; or the file is damaged, or would take too much memory or time.
    """
    if not made_here:
        from edgetl.device.runtime.sandbox import require_harmless

        require_harmless(name, path, library_version(name))
    return load_runtime(name, path, threads)


def load_runtime(name: str, path: Path, threads: int) -> Runtime:
    """Opens a model file without the sandbox, for content that is known to be harmless; see `open_runtime`."""
    module, attribute = RUNTIMES[name].split(":")
    runtime: Runtime = getattr(import_module(module), attribute)(path, threads)
    return runtime

"""The libraries that run a model file, behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from edgetl.errors import ModelError

BGR_INPUT = "image_bgr"
"""The name of an input that takes the channels in OpenCV's order, whatever the card says: a file made for edgetl alone,
see `edgetl.host.convert.tflite.edit_graph.take_bgr`."""


class UnloadableRuntimeError(ModelError):
    """The library that runs a model file is not installed, or broken: no word on the file itself."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A model's input or output.

    Attributes:
        name: in the model file.
        shape: with the batch axis.
        dtype: NumPy's name.
        scale: real = scale * (quantized - zero_point); 0 where the tensor is not quantized.
        zero_point: see `scale`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


class Runtime(Protocol):
    """One loaded model file with one image input."""

    input: Tensor
    outputs: tuple[Tensor, ...]

    def input_view(self) -> NDArray[Any]:
        """The input tensor's own (H, W, 3) memory; drop it before `invoke`."""

    def invoke(self) -> None:
        """Runs the network on what the input view holds."""

    def output_view(self, index: int) -> NDArray[Any]:
        """An output's own memory without the batch axis; drop it before the next `invoke`."""

    def close(self) -> None:
        """Frees the model."""


OpenRuntime = Callable[[Path, int], Runtime]
"""Opens a model file with a number of threads."""

RUNTIMES = {
    "tflite": "edgetl.device.runtime.tflite:TFLiteRuntime",
    "openvino": "edgetl.device.runtime.openvino:OpenVINORuntime",
}
"""The class of each; beside it in its module, `load_library` imports what it needs."""


def require_runtime(name: str) -> None:
    """Passes where a runtime's library can be loaded.

    Args:
        name: a key of `RUNTIMES`.

    Raises:
        UnloadableRuntimeError: it isn't installed, or is broken.
    """
    import_module(RUNTIMES[name].split(":")[0]).load_library()


def library_version(name: str) -> str:
    """Returns the version of a runtime's library, which is loaded for it.

    Args:
        name: a key of `RUNTIMES`.

    Raises:
        UnloadableRuntimeError: it isn't installed, or is broken.
    """
    return str(import_module(RUNTIMES[name].split(":")[0]).library_version())


def open_runtime(name: str, path: Path, threads: int, *, made_here: bool = False) -> Runtime:
    """Opens a model file.

    Args:
        name: a key of `RUNTIMES`.
        path: the model file.
        threads: for inference.
        made_here: whether the file was made by this process. Another one is first tried in a process of its own,
            unless the same content was opened before; see `edgetl.device.runtime.vouch`.

    Raises:
        UnloadableRuntimeError: the runtime isn't installed, or is broken.
        ModelError: it refuses the file; or the file is damaged, or would take too much memory or time.
    """
    if not made_here:
        from edgetl.device.runtime.vouch import require_vouched

        require_vouched(name, path, library_version(name))
    return load_runtime(name, path, threads)


def load_runtime(name: str, path: Path, threads: int) -> Runtime:
    """Opens a model file whose content is known to do no harm; see `open_runtime`."""
    module, attribute = RUNTIMES[name].split(":")
    runtime: Runtime = getattr(import_module(module), attribute)(path, threads)
    return runtime

"""LiteRT (ai-edge-litert), or tflite-runtime where that is what the machine has."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgetl.device.runtime import Tensor, UnloadableRuntimeError
from edgetl.errors import ModelError
from edgetl.install import install_command, install_package
from edgetl.quiet import quiet_output
from edgetl.text import printable

_BROKEN = "copy the file again from where it was made, or convert it again"
_PACKAGES = ("ai_edge_litert", "tflite_runtime")


class TFLiteRuntime:
    """A `.tflite` file in an interpreter; see `edgetl.device.runtime.Runtime`.

    Args:
        path: the model file, memory-mapped by the interpreter.
        threads: for inference.

    Raises:
        UnloadableRuntimeError: no interpreter is installed, or the one that is can't be loaded.
        ModelError: it refuses the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        try:
            with quiet_output():  # it tells everyone about its delegate
                self._interpreter = load_library()(model_path=str(path), num_threads=threads)
                self._require_image(path)  # first, for the interpreter's words about another input help nobody
                self._interpreter.allocate_tensors()
            self._attach(path)
        except (ValueError, RuntimeError) as error:
            remedy = "check that it is a whole .tflite file; update ai-edge-litert if it is a new one"
            what = f"the interpreter refuses the model: {_first_line(error)}"
            raise ModelError(what, where=str(path), remedy=remedy) from error

    def _require_image(self, path: Path) -> None:
        """Refuses a model whose input is no colour image of a fixed size."""
        inputs = [_tensor(d) for d in self._interpreter.get_input_details()]
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1 or inputs[0].shape[3] != 3:
            shapes = ", ".join(str(t.shape) for t in inputs)
            remedy = "edgetl runs models with one (1, H, W, 3) image input"
            raise ModelError(f"the model's input is {shapes}", where=str(path), remedy=remedy)
        _require_fixed(self._interpreter.get_input_details()[0], path)

    def _attach(self, path: Path) -> None:
        """Reads what the model takes and gives; a name of a tensor that is no text is a ValueError."""
        details = self._interpreter.get_input_details()
        self.input = _tensor(details[0])
        # Accessors cost no look-up per frame; the views they return must not outlive the next invoke.
        self._input = self._interpreter.tensor(details[0]["index"])
        details = self._interpreter.get_output_details()
        self.outputs = tuple(_tensor(d) for d in details)
        self._outputs = [self._interpreter.tensor(d["index"]) for d in details]

    def input_view(self) -> NDArray[Any]:
        """The input tensor's own (H, W, 3) memory."""
        view: NDArray[Any] = self._input()[0]
        return view

    def invoke(self) -> None:
        """Runs the network."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the model fails when it runs: {_first_line(error)}", remedy=_BROKEN) from error

    def output_view(self, index: int) -> NDArray[Any]:
        """An output's own memory without the batch axis."""
        view: NDArray[Any] = self._outputs[index]()[0]
        return view

    def close(self) -> None:
        """Frees the interpreter."""
        del self._input, self._outputs, self._interpreter


def _require_fixed(details: dict[str, Any], path: Path) -> None:
    """Refuses an input of any size, which the interpreter takes for one pixel; any batch may be one photo."""
    signature = details.get("shape_signature", details["shape"])
    if min(signature[1:]) < 1:
        told = ", ".join("?" if n < 1 else str(n) for n in signature)
        remedy = "convert it with a fixed (1, H, W, 3) input: keras.Input((H, W, 3))"
        raise ModelError(f"the size of the model's input is not fixed: ({told})", where=str(path), remedy=remedy)


def _first_line(error: Exception) -> str:
    return printable((str(error).strip().splitlines() or ["no reason given"])[0][:200])


def library_version() -> str:
    """Returns the name and the version of the library; see `load_library`."""
    package = load_library().__module__.split(".")[0]
    return f"{package} {getattr(sys.modules[package], '__version__', '')}"


def load_library() -> Any:  # noqa: ANN401 - either library's class
    """Returns the class of the interpreter.

    Raises:
        UnloadableRuntimeError: none is installed, or the one that is can't be loaded.
    """
    for package in _PACKAGES:
        try:
            return import_module(f"{package}.interpreter").Interpreter
        except ModuleNotFoundError as error:
            if error.name != package:  # it is there, but something that it needs is not
                raise _broken(package, error) from error
        except (ImportError, OSError) as error:
            raise _broken(package, error) from error
    raise UnloadableRuntimeError("no TFLite runtime is installed", remedy=install_command("device"))


def _broken(package: str, error: Exception) -> UnloadableRuntimeError:
    remedy = f"mend what it names, or {install_package(package.replace('_', '-'), '--force-reinstall')}"
    return UnloadableRuntimeError(f"the TFLite runtime {package} can't be loaded: {error}", remedy=remedy)


def _tensor(details: dict[str, Any]) -> Tensor:
    dtype = details["dtype"].__name__
    # Floats are real numbers already, whatever a file says of their quantization.
    scale, zero_point = (0.0, 0) if dtype.startswith("float") else details["quantization"]
    shape = tuple(int(n) for n in details["shape"])
    return Tensor(details["name"], shape, dtype, float(scale), int(zero_point))

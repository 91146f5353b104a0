"""The TFLite runtime: LiteRT (ai-edge-litert), or tflite-runtime if only that is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NotRequired, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from edgetl.device.runtime import Tensor, UnloadableRuntimeError
from edgetl.errors import ModelError
from edgetl.install import install_command, install_package
from edgetl.quiet import quiet_output
from edgetl.text import printable
from edgetl.vision.arrays import TensorData

_DAMAGED_REMEDY = "copy the file again from where it was made, or convert it again"
_PACKAGES = ("ai_edge_litert", "tflite_runtime")
"""The packages that have an interpreter, the preferred one first."""
_MOST_CHARACTERS = 200
"""A message quotes at most this many characters of the interpreter's own, which may hold a whole graph."""


class _Details(TypedDict):
    """What the interpreter says of an input or an output."""

    name: str
    index: int
    shape: NDArray[np.int32]
    shape_signature: NotRequired[NDArray[np.int32]]
    dtype: type[np.generic]
    quantization: tuple[float, int]


class _Interpreter(Protocol):
    """The methods of the untyped interpreter that are called here."""

    def get_input_details(self) -> list[_Details]: ...
    def get_output_details(self) -> list[_Details]: ...
    def allocate_tensors(self) -> None: ...
    def tensor(self, tensor_index: int) -> Callable[[], TensorData]: ...
    def invoke(self) -> None: ...


class _InterpreterClass(Protocol):
    """The class of the interpreter, of either package."""

    def __call__(self, *, model_path: str, num_threads: int) -> _Interpreter: ...


class TFLiteRuntime:
    """A `.tflite` file in an interpreter; see `edgetl.device.runtime.Runtime`.

    Args:
        path: the model file, which the interpreter maps into memory.
        threads: the number of threads for inference, at least 1.

    Raises:
        UnloadableRuntimeError: no interpreter is installed, or the installed one can't be loaded.
        ModelError: the interpreter refuses the file, or the input is no colour image of a fixed size.
    """

    def __init__(self, path: Path, threads: int) -> None:
        try:
            with quiet_output():  # the interpreter prints a line about its delegate
                self._interpreter = load_library()(model_path=str(path), num_threads=threads)
                # Checked first, because the interpreter's message about another kind of input helps nobody.
                self._require_image(path)
                self._interpreter.allocate_tensors()
            self._attach()
        except (ValueError, RuntimeError) as error:
            remedy = "check that it is a whole .tflite file; update ai-edge-litert if it is a new one"
            what = f"the interpreter refuses the model: {_first_line(error)}"
            raise ModelError(what, where=str(path), remedy=remedy) from error

    def _require_image(self, path: Path) -> None:
        """Refuses a model whose input is not one colour image of a fixed size."""
        details = self._interpreter.get_input_details()
        shapes = [_tensor(entry).shape for entry in details]
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] != 1 or shapes[0][3] != 3:
            remedy = "edgetl runs models with one (1, H, W, 3) image input"
            raise ModelError(f"the model's input is {', '.join(map(str, shapes))}", where=str(path), remedy=remedy)
        _require_fixed_size(details[0], path)

    def _attach(self) -> None:
        """Reads the model's tensors; raises ValueError if a tensor's name is not text."""
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.input = _tensor(inputs[0])
        self.outputs = tuple(map(_tensor, outputs))
        # These functions save a search for the tensor in each frame; the views that they return must not outlive the
        # next invoke.
        self._input = self._interpreter.tensor(inputs[0]["index"])
        self._outputs = [self._interpreter.tensor(entry["index"]) for entry in outputs]

    def input_view(self) -> TensorData:
        """Returns the memory of the input, (H, W, 3) uint8, int8 or float32; drop it before `invoke`."""
        view: TensorData = self._input()[0]
        return view

    def invoke(self) -> None:
        """Runs the network; see `edgetl.device.runtime.Runtime`."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            what = f"the model fails when it runs: {_first_line(error)}"
            raise ModelError(what, remedy=_DAMAGED_REMEDY) from error

    def output_view(self, index: int) -> TensorData:
        """Returns the memory of an output without its batch axis, (…) any dtype; drop it before the next `invoke`."""
        view: TensorData = self._outputs[index]()[0]
        return view

    def close(self) -> None:
        """Frees the interpreter."""
        del self._input, self._outputs, self._interpreter


def _require_fixed_size(details: _Details, path: Path) -> None:
    """Refuses an input of variable height or width, which the interpreter takes for one pixel.

    A variable batch is allowed: it is one photo.
    """
    signature: Sequence[int] = [int(side) for side in details.get("shape_signature", details["shape"])]
    if min(signature[1:]) < 1:
        sides = ", ".join("?" if side < 1 else str(side) for side in signature)
        remedy = "convert it with a fixed (1, H, W, 3) input: keras.Input((H, W, 3))"
        raise ModelError(f"the size of the model's input is not fixed: ({sides})", where=str(path), remedy=remedy)


def _first_line(error: Exception) -> str:
    return printable((str(error).strip().splitlines() or ["no reason given"])[0][:_MOST_CHARACTERS])


def library_version() -> str:
    """Returns the name and the version of the library; see `load_library`."""
    package = load_library().__module__.split(".")[0]
    return f"{package} {getattr(sys.modules[package], '__version__', '')}"


def load_library() -> _InterpreterClass:
    """Returns the class of the interpreter.

    Raises:
        UnloadableRuntimeError: no interpreter is installed, or the installed one can't be loaded.
    """
    for package in _PACKAGES:
        try:
            interpreter: _InterpreterClass = import_module(f"{package}.interpreter").Interpreter
        except ModuleNotFoundError as error:
            if error.name != package:  # the package is installed, but another one that it needs is not
                raise _broken(package, error) from error
        except (ImportError, OSError) as error:
            raise _broken(package, error) from error
        else:
            return interpreter
    raise UnloadableRuntimeError("no TFLite runtime is installed", remedy=install_command("device"))


def _broken(package: str, error: Exception) -> UnloadableRuntimeError:
    reinstall = install_package(package.replace("_", "-"), "--force-reinstall")
    remedy = f"correct the cause that the message names, or {reinstall}"
    return UnloadableRuntimeError(f"the TFLite runtime {package} can't be loaded: {error}", remedy=remedy)


def _tensor(details: _Details) -> Tensor:
    dtype = details["dtype"].__name__
    # Floats are real numbers already, even if the file gives them a quantization.
    scale, zero_point = (0.0, 0) if dtype.startswith("float") else details["quantization"]
    shape = tuple(int(side) for side in details["shape"])
    return Tensor(details["name"], shape, dtype, float(scale), int(zero_point))

"""The OpenVINO runtime: executes an OpenVINO IR on the processor."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Self

from edgetl.device.runtime import Tensor, UnloadableRuntimeError
from edgetl.device.runtime.openvino_input import take_pixels
from edgetl.device.runtime.openvino_protocols import CompiledModel, Core, Port, ReadModel
from edgetl.device.runtime.openvino_rt_info import read_info
from edgetl.errors import ModelError
from edgetl.install import install_command, install_package
from edgetl.quiet import quiet_output
from edgetl.text import printable
from edgetl.vision.arrays import TensorData
from edgetl.wrong_file import wrong_file_at

_STACK_BYTES = 64
"""The room for Linux's `stack_t`, which has 24 bytes."""
_MOST_CHARACTERS = 200
"""A message quotes at most this many characters of OpenVINO's own, which may hold a whole graph."""
_IMAGE_REMEDY = "edgetl runs models with one (1, H, W, 3) or (1, 3, H, W) image input of a fixed size"


class OpenVINORuntime:
    """A compiled OpenVINO IR; see `edgetl.device.runtime.Runtime`.

    The input is always (1, H, W, 3) uint8. If a foreign file takes floats or has the channels first, the conversion
    becomes a part of the graph, with the scaling that the file's `model_info` states.

    Args:
        path: the `.xml` file, which has its `.bin` file beside it.
        threads: the number of threads for inference, at least 1.

    Raises:
        UnloadableRuntimeError: OpenVINO is not installed or can't be loaded.
        ModelError: OpenVINO refuses the file; or the `.bin` is missing; or the model hasn't one image input of a fixed
            size; or it takes floats and doesn't state how pixels are scaled.
    """

    def __init__(self, path: Path, threads: int) -> None:
        openvino = load_library()
        info = read_info(path)
        core = _core()
        try:
            with quiet_output():
                model = core.read_model(path)
        except RuntimeError as error:
            raise _refusal(path, error) from error
        _require_fixed_shapes(model, path)
        take_pixels(openvino, model, info, path)
        try:
            with quiet_output():
                compiled = core.compile_model(model, "CPU", _properties(threads))
        except RuntimeError as error:
            raise _refusal(path, error) from error
        self._attach(compiled)

    @classmethod
    def of(cls, compiled: CompiledModel) -> Self:
        """Wraps a compiled model whose input is (1, H, W, 3) uint8."""
        runtime = cls.__new__(cls)
        runtime._attach(compiled)
        return runtime

    def _attach(self, compiled: CompiledModel) -> None:
        self.input = _tensor(compiled.inputs[0])
        self.outputs = tuple(map(_tensor, compiled.outputs))
        self._request = compiled.create_infer_request()
        # The memory of the request never moves, because all shapes are fixed and no tensor is set from outside.
        self._input = self._request.get_input_tensor().data[0]
        self._outputs = [self._request.get_output_tensor(i).data[0] for i in range(len(self.outputs))]

    def input_view(self) -> TensorData:
        """Returns the memory of the input, (H, W, 3) uint8."""
        view: TensorData = self._input
        return view

    def invoke(self) -> None:
        """Runs the network; see `edgetl.device.runtime.Runtime`."""
        # infer runs in this thread; start_async and wait would add 0.04 to 0.08 ms for the change of threads.
        try:
            self._request.infer(share_outputs=True)
        except RuntimeError as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
            what = f"the model fails when it runs: {printable(reason)}"
            raise ModelError(what, remedy="copy the file again from where it was made, or convert it again") from error

    def output_view(self, index: int) -> TensorData:
        """Returns the memory of an output without its batch axis, (…) of any dtype."""
        view: TensorData = self._outputs[index]
        return view

    def close(self) -> None:
        """Frees the model."""
        del self._input, self._outputs, self._request


@cache
def _core() -> Core:
    """Returns the only `openvino.Core` of this process, which is never freed; see `restored_signal_stack`."""
    library = load_library()
    with restored_signal_stack():
        core: Core = library.Core()
        return core


@contextmanager
def restored_signal_stack() -> Iterator[None]:
    """Restores this thread's stack for signal handlers after a block that makes an `openvino.Core`.

    Each Core sets up such a stack, and restores the one it found when it ends. If the lives of two Cores overlap, the
    restored stack may be freed already, and the next Ctrl-C is a segmentation fault. A Core that finds another's stack
    in place leaves it alone.
    """
    if sys.platform != "linux":
        yield
        return
    sigaltstack = ctypes.CDLL(None, use_errno=True).sigaltstack
    previous = ctypes.create_string_buffer(_STACK_BYTES)
    sigaltstack(None, previous)
    try:
        yield
    finally:
        sigaltstack(previous, None)


def load_library() -> ModuleType:
    """Returns the module `openvino`, with its usage statistics turned off.

    Raises:
        UnloadableRuntimeError: OpenVINO is not installed or can't be loaded.
    """
    # With the module openvino_telemetry, OpenVINO reports every import and conversion to Google Analytics without
    # asking. OpenVINO works without that module, and then reports nothing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return import_module("openvino")
    except ModuleNotFoundError as error:
        if error.name == "openvino":
            raise UnloadableRuntimeError("OpenVINO is not installed", remedy=install_command("openvino")) from error
        raise _broken(error) from error
    except (ImportError, OSError) as error:
        raise _broken(error) from error


def library_version() -> str:
    """Returns the version of OpenVINO; see `load_library`."""
    return str(load_library().__version__)


def _broken(error: Exception) -> UnloadableRuntimeError:
    remedy = f"correct the cause that the message names, or {install_package('openvino', '--force-reinstall')}"
    return UnloadableRuntimeError(f"OpenVINO can't be loaded: {error}", remedy=remedy)


def _properties(threads: int) -> dict[str, object]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Variants are proved in float32. By default OpenVINO computes in bfloat16 or half floats if the processor can,
        # which changed a score by 0.17 in a measurement; with float32 the largest change was 5e-6.
        "INFERENCE_PRECISION_HINT": "f32",
        # By default two models of one thread are pinned to the same core, and are no faster than one.
        "ENABLE_CPU_PINNING": False,
        "CACHE_DIR": "",
    }


def _refusal(path: Path, error: Exception) -> ModelError:
    """Returns the error for a file that OpenVINO refuses, with the likely cause."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        remedy = "copy it too: an IR is two files"
        return ModelError(f"the model's weights are missing: {weights.name}", where=str(path), remedy=remedy)
    mistaken = wrong_file_at(weights)
    if mistaken:
        return ModelError(mistaken[0], where=str(weights), remedy=mistaken[1])
    lines = [line.strip() for line in str(error).splitlines()]
    reasons = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    remedy = "check that .xml and .bin are whole and of one model; update openvino if it is a new one"
    what = f"OpenVINO refuses the model: {printable((reasons or ['no reason given'])[0][:_MOST_CHARACTERS])}"
    return ModelError(what, where=str(path), remedy=remedy)


def _require_fixed_shapes(model: ReadModel, path: Path) -> None:
    """Refuses a model that hasn't one image input and outputs of fixed sizes."""
    inputs = [port.partial_shape for port in model.inputs]
    listed = ", ".join(map(str, inputs)) or "none"
    if len(inputs) != 1:
        raise ModelError(f"the model has {len(inputs)} inputs: {listed}", where=str(path), remedy=_IMAGE_REMEDY)
    if inputs[0].is_dynamic:
        remedy = "fix it when the model is converted: ovc MODEL --input [1,H,W,3]"
        raise ModelError(f"the size of the model's input is not fixed: {listed}", where=str(path), remedy=remedy)
    shape = tuple(inputs[0].to_shape())
    if len(shape) != 4 or shape[0] != 1 or 3 not in (shape[1], shape[3]):
        raise ModelError(f"the model's input is {listed}", where=str(path), remedy=_IMAGE_REMEDY)
    outputs = [port.partial_shape for port in model.outputs]
    if any(shape.is_dynamic or not len(shape) for shape in outputs):
        listed = ", ".join(map(str, outputs))
        what = f"the size of the model's outputs is not fixed: {listed}"
        raise ModelError(what, where=str(path), remedy=_IMAGE_REMEDY)


def _tensor(port: Port) -> Tensor:
    names = port.get_names()
    name = port.get_any_name() if names else port.get_node().get_friendly_name()
    return Tensor(name, tuple(map(int, port.shape)), port.element_type.to_dtype().name)

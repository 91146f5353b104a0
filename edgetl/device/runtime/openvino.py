"""OpenVINO, on the CPU."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from edgetl.device.runtime import Tensor, UnloadableRuntimeError
from edgetl.device.runtime.openvino_rt_info import Info, read_info
from edgetl.errors import ModelError
from edgetl.install import install_command, install_package
from edgetl.quiet import quiet_output
from edgetl.text import printable
from edgetl.wrong_file import wrong_file_at

_LEAST_SCALE = 1e-6
_STACK_BYTES = 64  # of Linux's stack_t, which has 24
_IMAGE = "edgetl runs models with one (1, H, W, 3) or (1, 3, H, W) image input of a fixed size"


class OpenVINORuntime:
    """An OpenVINO IR, compiled; see `edgetl.device.runtime.Runtime`.

    Its input is always (1, H, W, 3) uint8. Where a file of others' making wants floats, or the channels first, that is
    put into the graph, with the scaling that its `model_info` tells.

    Args:
        path: the `.xml`; the `.bin` is beside it.
        threads: for inference.

    Raises:
        UnloadableRuntimeError: OpenVINO isn't installed, or can't be loaded.
        ModelError: it refuses the file; or the `.bin` isn't there; or the model hasn't one image input of a fixed size;
            or it takes floats and doesn't say how pixels are scaled.
    """

    def __init__(self, path: Path, threads: int) -> None:
        openvino = load_library()
        info = read_info(path)
        core = _core()
        try:
            with quiet_output():
                model = core.read_model(path)
        except RuntimeError as error:
            raise _refused(path, error) from error
        _check(model, path)
        _take_pixels(openvino, model, info, path)
        try:
            with quiet_output():
                compiled = core.compile_model(model, "CPU", _properties(threads))
        except RuntimeError as error:
            raise _refused(path, error) from error
        self._attach(compiled)

    @classmethod
    def of(cls, compiled: Any) -> Self:  # noqa: ANN401 - the library has no types
        """Wraps an `openvino.CompiledModel` whose input is (1, H, W, 3) uint8."""
        runtime = cls.__new__(cls)
        runtime._attach(compiled)
        return runtime

    def _attach(self, compiled: Any) -> None:  # noqa: ANN401
        self.input = _tensor(compiled.inputs[0])
        self.outputs = tuple(map(_tensor, compiled.outputs))
        self._request = compiled.create_infer_request()
        # The request's own memory, which is never moved: shapes are fixed, and no tensor is set from outside.
        self._input = self._request.get_input_tensor().data[0]
        self._outputs = [self._request.get_output_tensor(i).data[0] for i in range(len(self.outputs))]

    def input_view(self) -> NDArray[Any]:
        """The input tensor's own (H, W, 3) memory."""
        view: NDArray[Any] = self._input
        return view

    def invoke(self) -> None:
        """Runs the network."""
        # In this thread: handing over to another and back, as start_async and wait do, takes 0.04 to 0.08 ms.
        try:
            self._request.infer(share_outputs=True)
        except RuntimeError as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
            what = f"the model fails when it runs: {printable(reason)}"
            raise ModelError(what, remedy="copy the file again from where it was made, or convert it again") from error

    def output_view(self, index: int) -> NDArray[Any]:
        """An output's own memory without the batch axis."""
        view: NDArray[Any] = self._outputs[index]
        return view

    def close(self) -> None:
        """Frees the model."""
        del self._input, self._outputs, self._request


@cache
def _core() -> Any:  # noqa: ANN401 - the library has no types
    """The one `openvino.Core` of this process, never let go.

    With `signal_stack_kept` this is the reason why Ctrl-C is heard.
    """
    library = load_library()
    with signal_stack_kept():
        return library.Core()


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Brings back, after a block that makes any `openvino.Core`, the stack that signal handlers of this thread had.

    Each Core sets one up, and on its end brings back the one it found. Of two whose lives overlap that may be gone by
    then, and the next Ctrl-C is a segmentation fault. A Core that finds another's stack in place leaves it alone.
    """
    if sys.platform != "linux":
        yield
        return
    change = ctypes.CDLL(None, use_errno=True).sigaltstack
    found = ctypes.create_string_buffer(_STACK_BYTES)
    change(None, found)
    try:
        yield
    finally:
        change(found, None)


def load_library() -> Any:  # noqa: ANN401 - the library has no types
    """Returns the module `openvino`, its statistics kept off.

    Raises:
        UnloadableRuntimeError: it isn't installed, or can't be loaded.
    """
    # With this module there, every import and conversion is reported to Google Analytics without asking. It may be
    # absent, and then nothing is.
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
    """Returns the version of the library; see `load_library`."""
    return str(load_library().__version__)


def _broken(error: Exception) -> UnloadableRuntimeError:
    remedy = f"mend what it names, or {install_package('openvino', '--force-reinstall')}"
    return UnloadableRuntimeError(f"OpenVINO can't be loaded: {error}", remedy=remedy)


def _properties(threads: int) -> dict[str, object]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # As variants are proved: left alone, OpenVINO computes in bfloat16 or half floats where the processor can,
        # which moved a score by 0.17 here; like this it is 5e-6.
        "INFERENCE_PRECISION_HINT": "f32",
        # Left alone, two models of one thread are both kept to the same core, and are no faster than one.
        "ENABLE_CPU_PINNING": False,
        "CACHE_DIR": "",
    }


def _refused(path: Path, error: Exception) -> ModelError:
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        remedy = "copy it too: an IR is two files"
        return ModelError(f"the model's weights are missing: {weights.name}", where=str(path), remedy=remedy)
    found = wrong_file_at(weights)
    if found:
        return ModelError(found[0], where=str(weights), remedy=found[1])
    lines = [line.strip() for line in str(error).splitlines()]
    reasons = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    remedy = "check that .xml and .bin are whole and of one model; update openvino if it is a new one"
    what = f"OpenVINO refuses the model: {printable((reasons or ['no reason given'])[0][:200])}"
    return ModelError(what, where=str(path), remedy=remedy)


def _check(model: Any, path: Path) -> None:  # noqa: ANN401
    shapes = [tensor.partial_shape for tensor in model.inputs]
    told = ", ".join(map(str, shapes)) or "none"
    if len(shapes) != 1:
        raise ModelError(f"the model has {len(shapes)} inputs: {told}", where=str(path), remedy=_IMAGE)
    if shapes[0].is_dynamic:
        remedy = "fix it when the model is converted: ovc MODEL --input [1,H,W,3]"
        raise ModelError(f"the size of the model's input is not fixed: {told}", where=str(path), remedy=remedy)
    shape = tuple(shapes[0].to_shape())
    if len(shape) != 4 or shape[0] != 1 or 3 not in (shape[1], shape[3]):
        raise ModelError(f"the model's input is {told}", where=str(path), remedy=_IMAGE)
    if any(tensor.partial_shape.is_dynamic or not len(tensor.partial_shape) for tensor in model.outputs):
        told = ", ".join(str(tensor.partial_shape) for tensor in model.outputs)
        raise ModelError(f"the size of the model's outputs is not fixed: {told}", where=str(path), remedy=_IMAGE)


def _take_pixels(openvino: Any, model: Any, info: Info, path: Path) -> None:  # noqa: ANN401
    """Makes a model take (1, H, W, 3) uint8 pixels, in place."""
    image = model.input(0)
    layout = "NHWC" if image.shape[3] == 3 else "NCHW"
    as_bytes = image.element_type == openvino.Type.u8
    mean, scale = _scaling(info, path)
    if as_bytes and layout == "NHWC" and not mean and not scale:
        return
    if not as_bytes and not info.model:
        what = "the model takes float pixels, but doesn't say how they are scaled"
        remedy = "give it model_info with mean_values and scale_values, or a uint8 input"
        raise ModelError(what, where=str(path), remedy=remedy)
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout(layout))
    steps.input().preprocess().convert_element_type(openvino.Type.f32)
    if mean:
        steps.input().preprocess().mean(list(mean))
    if scale:
        steps.input().preprocess().scale(list(scale))
    steps.build()


def _scaling(info: Info, path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and the scale of three channels, (pixel - mean) / scale; empty where there are none."""
    if info.flag("embedded_processing"):
        return (), ()
    mean, scale = info.numbers("mean_values"), info.numbers("scale_values")
    if mean is not None and scale is not None and all(abs(value) > _LEAST_SCALE for value in scale):
        return mean, scale
    name = "mean_values" if mean is None else "scale_values"
    what = f"the model_info's {name} can't be meant: {info.model[name]!r}"
    remedy = "it holds one finite number, or three with spaces between them; no scale is 0"
    raise ModelError(what, where=str(path), remedy=remedy)


def _tensor(port: Any) -> Tensor:  # noqa: ANN401
    names = port.get_names()
    name = port.get_any_name() if names else port.get_node().get_friendly_name()
    return Tensor(name, tuple(map(int, port.shape)), port.element_type.to_dtype().name)

"""Makes a foreign OpenVINO model take uint8 pixels: its scaling and its layout become a part of the graph."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from edgetl.device.runtime.openvino_protocols import ReadModel
from edgetl.device.runtime.openvino_rt_info import Info
from edgetl.errors import ModelError

_LEAST_SCALE = 1e-6
"""A scale that is nearer to 0 than this is refused, because pixels are divided by it."""


def take_pixels(openvino: ModuleType, model: ReadModel, info: Info, path: Path) -> None:
    """Changes a model in place so that it takes (1, H, W, 3) uint8 pixels.

    Args:
        openvino: the library.
        model: the model, with one (1, H, W, 3) or (1, 3, H, W) input of a fixed size.
        info: the metadata of the file, which may state a scaling.
        path: the model file, for messages.

    Raises:
        ModelError: the model takes floats and the file doesn't state a scaling, or the stated scaling can't be used.
    """
    image = model.input(0)
    layout = "NHWC" if image.shape[3] == 3 else "NCHW"
    takes_bytes = image.element_type == openvino.Type.u8
    mean, scale = _scaling(info, path)
    if takes_bytes and layout == "NHWC" and not mean and not scale:
        return
    if not takes_bytes and not info.model:
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
    """Returns mean and scale of three channels, (pixel - mean) / scale; empty if the file states none."""
    if info.flag("embedded_processing"):
        return (), ()
    mean, scale = info.numbers("mean_values"), info.numbers("scale_values")
    if mean is not None and scale is not None and all(abs(value) > _LEAST_SCALE for value in scale):
        return mean, scale
    name = "mean_values" if mean is None else "scale_values"
    what = f"the model_info's {name} can't be used: {info.model[name]!r}"
    remedy = "write one finite number, or three with spaces between them; a scale is not 0"
    raise ModelError(what, where=str(path), remedy=remedy)

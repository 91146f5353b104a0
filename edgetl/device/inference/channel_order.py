"""The channel order that a model's input takes, RGB or BGR, and where a file says that its channels are reversed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from edgetl.card import InputSpec
from edgetl.device.runtime import Tensor
from edgetl.device.runtime.openvino_rt_info import Info

BGR_INPUT = "image_bgr"
"""The name of an input that takes BGR, OpenCV's order, even if the card says RGB.

`edgetl.host.convert.tflite.reverse_input_channels` gives this name to a file whose weights it reversed, so the device
need not reverse the channels of each frame.
"""


def in_file_order(spec: InputSpec, tensor: Tensor) -> InputSpec:
    """Returns the card's input specification with the channel order of the model file.

    Args:
        spec: the input as the card describes it.
        tensor: the input of the model file.
    """
    return replace(spec, color="bgr") if tensor.name == BGR_INPUT else spec


def ir_channel_order(info: Info) -> Literal["rgb", "bgr"]:
    """Returns the channel order that the input of a foreign OpenVINO IR takes.

    OpenVINO Model API gives a model the frame as OpenCV has it, BGR, unless `reverse_input_channels` is yes. A file
    without any `model_info` is taken to be RGB, as most models are.

    Args:
        info: the metadata of the IR.
    """
    return "rgb" if not info.model or info.flag("reverse_input_channels") else "bgr"

"""Turns the TensorFlow operations that Keras 2 saved as layers of a network into layers of Keras 3.

Keras 2 wrote `x / 127.5` on a tensor as a `TFOpLambda` layer (TensorFlow 2.4 to 2.15) or a `TensorFlowOpLayer`
(TensorFlow 1.13 to 2.3). Neither contains code: each names one operation of TensorFlow and its constants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgetl.host.convert.foreign.operation_calls import REVERSED, Call, Config, Tensor, operation_name, parse_call

OPERATION_LAYERS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
"""The classes of the layers that stand for one operation of TensorFlow."""


class UnknownOperationError(ValueError):
    """The network has an operation without a counterpart in Keras 3.

    Attributes:
        operation: the operation's name in TensorFlow.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(f"the TensorFlow operation {operation}")
        self.operation = operation


def upgrade_operation(layer: Config) -> Config:
    """Returns the description of a Keras 3 layer that computes an operation layer's operation.

    Args:
        layer: the description of a layer of one of the classes `OPERATION_LAYERS`.

    Raises:
        UnknownOperationError: Keras 3 has no such layer.
    """
    calls = [parse_call(layer, node) for node in layer.get("inbound_nodes", ())]
    if len(calls) != 1:
        raise UnknownOperationError(operation_name(layer))
    call = calls[0]
    upgraded_layer = _LAYERS[call.operation](call) if call.operation in _LAYERS and call.tensors else None
    if upgraded_layer is None:
        raise UnknownOperationError(operation_name(layer))
    class_name, config = upgraded_layer
    node = [[tensor.layer, tensor.call, tensor.output, {}] for tensor in call.tensors]
    upgraded = {"class_name": class_name, "config": {"name": call.name, **config}, "name": call.name}
    return upgraded | _MODULES.get(class_name, {}) | {"inbound_nodes": [node]}


_Layer = tuple[str, Config] | None
"""A layer's class and its configuration; None if no layer of Keras 3 computes the operation."""


def _is_number(value: object) -> bool:
    values = value if isinstance(value, list) and value else [value]
    return all(isinstance(number, int | float) and not isinstance(number, bool) for number in values)


def _each(function: Callable[[float], float], value: object) -> float | list[float]:
    """Applies a function to a number, or to each number of a list with one number for each channel."""
    if isinstance(value, list):
        return [function(number) for number in value]
    return function(cast(float, value))


def _affine(call: Call, scale: float | list[float], offset: float | list[float]) -> _Layer:
    lists = isinstance(scale, list) or isinstance(offset, list)
    if lists and len(call.tensors) != 1:
        return None
    return "Rescaling", {"scale": scale, "offset": offset}


def _sum(call: Call) -> _Layer:
    constants = [operand for operand in call.operands if not isinstance(operand, Tensor)]
    if len(call.tensors) == 2 == len(call.operands):
        return "Add", {}
    return _affine(call, 1.0, _each(float, constants[0])) if len(constants) == 1 and _is_number(constants[0]) else None


def _difference(call: Call) -> _Layer:
    if len(call.operands) != 2:
        return None
    first, second = call.operands
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return "Subtract", {}
    if isinstance(first, Tensor):
        return _affine(call, 1.0, _each(lambda y: -y, second)) if _is_number(second) else None
    return _affine(call, -1.0, _each(float, first)) if _is_number(first) else None


def _product(call: Call) -> _Layer:
    constants = [operand for operand in call.operands if not isinstance(operand, Tensor)]
    if len(call.tensors) == 2 == len(call.operands):
        return "Multiply", {}
    return _affine(call, _each(float, constants[0]), 0.0) if len(constants) == 1 and _is_number(constants[0]) else None


def _quotient(call: Call) -> _Layer:
    divisor = call.operands[-1]
    values = divisor if isinstance(divisor, list) else [divisor]
    if len(call.operands) != 2 or len(call.tensors) != 1 or not _is_number(divisor) or 0 in values:
        return None
    return _affine(call, _each(lambda y: 1 / y, divisor), 0.0)


def _bias(call: Call) -> _Layer:
    return _sum(call) if call.options.get("data_format") in (None, "NHWC") else None


def _mean(call: Call) -> _Layer:
    if call.options.get("axis") not in ([1, 2], [-3, -2]):
        return None
    return "GlobalAveragePooling2D", {"keepdims": bool(call.options.get("keepdims"))}


def _joined(call: Call) -> _Layer:
    axis = call.options.get("axis")
    return ("Concatenate", {"axis": axis}) if isinstance(axis, int) and len(call.tensors) > 1 else None


def _reversed_channels(call: Call) -> _Layer:
    spec = call.options.get("slice_spec")
    whole = {"start": None, "stop": None, "step": None}
    reversed_last = isinstance(spec, list) and spec[-1:] == REVERSED[-1:]
    others = spec[:-1] if isinstance(spec, list) else []
    return ("Flip", {"axis": -1}) if reversed_last and (others == REVERSED[:1] or others == [whole] * 3) else None


def _cast(call: Call) -> _Layer:
    return ("Activation", {"activation": "linear"}) if call.options.get("dtype") in ("float32", "DT_FLOAT") else None


def _resized(call: Call) -> _Layer:
    size, others = call.options.get("size"), set(call.options) - {"size", "name"}
    plain = call.options.get("method", "bilinear") == "bilinear" and others <= {"method"}
    if not plain or not isinstance(size, list) or len(size) != 2:
        return None
    return "Resizing", {"height": size[0], "width": size[1], "interpolation": "bilinear"}


def _activation(name: str) -> Callable[[Call], _Layer]:
    def layer(call: Call) -> _Layer:
        plain = len(call.operands) == 1 and set(call.options) <= {"name", "axis"}
        return ("Activation", {"activation": name}) if plain and call.options.get("axis") in (None, -1) else None

    return layer


_LAYERS: dict[str, Callable[[Call], _Layer]] = {
    "__operators__.add": _sum,
    "math.add": _sum,
    "add": _sum,
    "nn.bias_add": _bias,
    "math.subtract": _difference,
    "subtract": _difference,
    "math.multiply": _product,
    "multiply": _product,
    "math.truediv": _quotient,
    "math.divide": _quotient,
    "divide": _quotient,
    "math.negative": lambda call: _affine(call, -1.0, 0.0),
    "math.reduce_mean": _mean,
    "concat": _joined,
    "__operators__.getitem": _reversed_channels,
    "cast": _cast,
    "identity": _activation("linear"),
    "stop_gradient": _activation("linear"),
    "image.resize": _resized,
    "nn.relu": _activation("relu"),
    "nn.relu6": _activation("relu6"),
    "nn.softmax": _activation("softmax"),
    "nn.sigmoid": _activation("sigmoid"),
    "math.sigmoid": _activation("sigmoid"),
    "nn.silu": _activation("silu"),
    "nn.swish": _activation("silu"),
    "nn.tanh": _activation("tanh"),
    "math.tanh": _activation("tanh"),
}
"""The functions that turn each known operation into a layer, by the operation's name in TensorFlow 2, without `tf.`."""

_MODULES = {"Flip": {"module": "keras.src.ops.numpy", "registered_name": "Flip"}}
"""Further entries in the description of a class that is an operation in Keras 3, not a layer."""

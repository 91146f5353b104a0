"""Refuses Keras files that contain code, such as a Lambda layer, need code, or do more than compute."""

from __future__ import annotations

from collections.abc import Iterator

from edgetl.host.convert.foreign.operation_calls import Config
from edgetl.host.networks.keras_file import OversizeError

_MOST_PARTS = 100_000
"""A description may have at most this many layers, initializers and the like; that of the largest network has 9,000."""

_REACHING_OUT = {
    "TFSMLayer": "runs the model of another file",
    "TorchModuleWrapper": "has a pickled PyTorch module inside",
    "JaxLayer": "has a JAX function inside",
    "FlaxLayer": "has a JAX function inside",
}
"""The layers of Keras that do more than compute, each with what it does."""

_VOCABULARIES = ("StringLookup", "IntegerLookup", "TextVectorization")
"""The layers of Keras that may read their words from a file."""

_KERAS_FUNCTIONS = ("builtins", "keras.activations", "keras.ops", "keras.src.activations", "keras.src.ops")
"""The modules from which a description may name functions."""


class CodeInsideError(ValueError):
    """The description contains code."""


class NeedsCodeError(ValueError):
    """The description names code that isn't in the file."""


class ReachesOutError(ValueError):
    """The description names other files, or does more than compute."""


def refuse_code(document: object) -> None:
    """Checks that a network's description contains no code, names none, and only computes.

    Args:
        document: the description, parsed JSON.

    Raises:
        CodeInsideError: a Lambda layer contains code.
        NeedsCodeError: the description names functions that Keras doesn't have.
        ReachesOutError: a layer reads another file or runs other code.
        OversizeError: the description has too many parts.
    """
    for count, part in enumerate(_parts(document)):
        if count > _MOST_PARTS:
            raise OversizeError(f"its description has more than {_MOST_PARTS:,} parts")
        name, config = part["class_name"], part.get("config")
        if name == "__lambda__":
            raise CodeInsideError("a Lambda layer")
        if name == "Lambda" and isinstance(config, dict):
            _refuse_lambda(config)
        if name == "function" and not str(part.get("module") or "builtins").startswith(_KERAS_FUNCTIONS):
            raise NeedsCodeError(str(config))
        if name in _REACHING_OUT:
            raise ReachesOutError(f"its layer {name} {_REACHING_OUT[name]}")
        if name in _VOCABULARIES and isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
            raise ReachesOutError(f"its layer {name} reads another file")


def _refuse_lambda(config: Config) -> None:
    """Refuses the configuration of a Lambda layer that contains code or names a function."""
    function = config.get("function")
    if isinstance(function, list) or config.get("function_type") == "lambda":
        raise CodeInsideError("a Lambda layer")
    if isinstance(function, str):
        raise NeedsCodeError(function)


def _parts(document: object) -> Iterator[Config]:
    """Yields every layer, and every other part of a description that names a class, at any depth."""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("class_name"), str):
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)

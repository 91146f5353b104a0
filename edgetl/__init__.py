"""From a folder of labelled photos to a small computer that recognises those things live.

Example:
    >>> import cv2
    >>> from edgetl import Model
    >>> frame = cv2.imread("bolt.jpg")  # (H, W, 3) uint8 BGR, as OpenCV gives it
    >>> with Model.open("models/parts/rpi") as model:
    ...     print(model(frame))
    bolt 97%
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgetl.card import ModelCard
    from edgetl.device.inference.model import Model
    from edgetl.errors import EdgetlError
    from edgetl.target import Target
    from edgetl.vision.filter import ResultFilter
    from edgetl.vision.results import Classification, Detections

__all__ = ["Classification", "Detections", "EdgetlError", "Model", "ModelCard", "ResultFilter", "Target"]

# Imported when first asked for: `edgetl --help` must not wait for OpenCV.
_HOMES = {
    "Classification": "edgetl.vision.results",
    "Detections": "edgetl.vision.results",
    "EdgetlError": "edgetl.errors",
    "Model": "edgetl.device.inference.model",
    "ModelCard": "edgetl.card",
    "ResultFilter": "edgetl.vision.filter",
    "Target": "edgetl.target",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgetl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

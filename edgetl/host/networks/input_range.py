"""The ranges of pixel values that backbones take, and how pixels are scaled to them."""

from __future__ import annotations

from typing import Literal

InputRange = Literal["-1..1", "0..1", "0..255"]

SCALES: dict[InputRange, tuple[float, float]] = {
    "-1..1": (1 / 127.5, -1.0),
    "0..1": (1 / 255, 0.0),
    "0..255": (1.0, 0.0),
}
"""The scale and the offset that turn a pixel 0..255 into a backbone's input: pixel * scale + offset."""

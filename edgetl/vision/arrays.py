"""Names for the arrays that edgetl passes around, each with its shape, its type and the range of its values.

In the shapes, N is the number of objects or boxes, C the number of a model's classes, A the number of a detector's
cells, and … stands for any further axes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""A picture: (H, W, 3) uint8, 0..255, BGR; a model's input may be RGB instead, as its `InputSpec` says."""

BoxesXyxy: TypeAlias = NDArray[np.float32]
"""Boxes: (N, 4) float32 left, top, right, bottom, px of the frame."""

Scores: TypeAlias = NDArray[np.float32]
"""Scores: (N,) float32 of N objects or (…, C) float32 of C classes, 0..1."""

Logits: TypeAlias = NDArray[np.float32]
"""A network's outputs before softmax or sigmoid: (…, C) float32, any finite number."""

ClassIds: TypeAlias = NDArray[np.int64]
"""Classes of N objects: (N,) int64 columns of the model's output, counted from 0."""

TrackIds: TypeAlias = NDArray[np.int64]
"""Numbers that stay with N objects from frame to frame: (N,) int64, counted from 1."""

Mask: TypeAlias = NDArray[np.bool_]
"""Yes or no for each of N objects: (N,) bool."""

Rows: TypeAlias = NDArray[np.intp]
"""Positions in other arrays: (N,) intp, counted from 0."""

Points: TypeAlias = NDArray[np.float64]
"""Points: (N, 2) float64 x, y, px of the frame."""

Floats: TypeAlias = NDArray[np.float32]
"""Real numbers of any shape, float32; the docstring where they are used states shape and range."""

Doubles: TypeAlias = NDArray[np.float64]
"""Real numbers of any shape, float64; the docstring where they are used states shape and range."""

Integers: TypeAlias = NDArray[np.int64]
"""Whole numbers of any shape, int64; the docstring where they are used states shape and range."""

TensorData: TypeAlias = NDArray[Any]
"""The content of a model's input or output as the runtime has it, of any shape: uint8, int8, int32 or float32."""

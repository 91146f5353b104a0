"""Names for what libraries without type information give us."""

from __future__ import annotations

from typing import Any, TypeAlias

Network: TypeAlias = Any
"""A `keras.Model`."""

Tensor: TypeAlias = Any
"""A tensor of whichever backend Keras runs on."""

Library: TypeAlias = Any
"""An imported module, or an object of its making."""

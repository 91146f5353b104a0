"""Finds the weights of the starter, the small backbone that comes with edgetl.

`models/starter/README.md` says how it was made and how good it is.
"""

from __future__ import annotations

from pathlib import Path

import edgetl
from edgetl.errors import ModelError

NAME, ALPHA = "mobilenet_v2", 0.35
NETWORK = (NAME, ALPHA)
"""The starter's backbone and its width multiplier."""
_FILE = "mobilenet_v2_0.35_no_top.weights.h5"


def weights_file() -> Path:
    """Returns the path of the starter's weights, in an installed package or in a source checkout.

    Raises:
        ModelError: the file is missing.
    """
    package = Path(edgetl.__file__).parent
    places = [folder / _FILE for folder in (package / "starter", package.parent / "models" / "starter")]
    for file in places:
        if file.is_file():
            return file
    raise ModelError("the starter's weights are missing", where=str(places[0]), remedy="install edgetl again")

"""The backbone that edgetl brings along, made by itself; how, and how good it is: `models/starter/README.md`."""

from __future__ import annotations

from pathlib import Path

import edgetl
from edgetl.errors import ModelError

NAME, ALPHA = "mobilenet_v2", 0.35
_FILE = "mobilenet_v2_0.35_no_top.weights.h5"


def weights_file() -> Path:
    """Returns the starter's weights: inside an installed package, or in a source checkout.

    Raises:
        ModelError: they are missing.
    """
    package = Path(edgetl.__file__).parent
    places = [folder / _FILE for folder in (package / "starter", package.parent / "models" / "starter")]
    for file in places:
        if file.is_file():
            return file
    raise ModelError("the starter's weights are missing", where=str(places[0]), remedy="install edgetl again")

"""What each variant of a bundle says of the golden photos, number by number: the same script runs here and on arm64.

`python answers.py BUNDLE FILE.npz` writes, of each variant, the pixels that it is given as `VARIANT/input`, its outputs
as the runtime has them, under their names, and what the card reads in them, as `VARIANT/scores` (photos, classes) or
`VARIANT/boxes` (N, 6: photo, score, xyxy); it prints, as JSON, on what it computed.
"""

from __future__ import annotations

import json
import platform
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import Bundle, Variant
from edgetl.device.inference.model import Model
from edgetl.device.runtime import open_runtime
from edgetl.golden import golden_card
from edgetl.vision.arrays import Image
from edgetl.vision.preprocess import Preprocessor
from edgetl.vision.results import Detections

Arrays = dict[str, NDArray[np.generic]]


def answers(bundle: Bundle, variant: Variant, frames: list[Image]) -> Arrays:
    """Runs a variant with one thread; returns (photos, …) arrays, and one of all photos' boxes (N, 6)."""
    runtime = open_runtime(variant.runtime, bundle.model_file(variant), 1)
    card = golden_card(bundle.manifest.card)
    rows: dict[str, list[NDArray[np.generic]]] = defaultdict(list)
    preprocess = Preprocessor(card.input)
    with Model(runtime, card) as model:
        for number, frame in enumerate(frames):
            found = model(frame)
            for index, output in enumerate(runtime.outputs):
                rows[output.name].append(runtime.output_view(index).copy())
            if isinstance(found, Detections):
                photo = np.full((len(found.score), 1), number)
                rows["boxes"].append(np.hstack([photo, found.score[:, None], found.xyxy]))
            else:
                rows["scores"].append(model.scores(frame).copy())
            pixels = np.zeros((card.input.height, card.input.width, 3), np.uint8)
            preprocess(frame, pixels)
            rows["input"].append(pixels)
    boxes = {"boxes": np.vstack(rows.pop("boxes"))} if "boxes" in rows else {}
    return {name: np.stack(column) for name, column in rows.items()} | boxes


def main(bundle_folder: str, file: str) -> None:
    """Writes the answers of a bundle's variants."""
    bundle = Bundle.open(Path(bundle_folder))
    frames = bundle.golden_frames()
    found = {v.name: answers(bundle, v, frames) for v in bundle.runnable}
    np.savez(
        file,
        allow_pickle=False,
        **{f"{variant}/{name}": a for variant, arrays in found.items() for name, a in arrays.items()},
    )
    packages = {name: version(name) for name in ("ai-edge-litert", "numpy", "opencv-python-headless")}
    sys.stdout.write(json.dumps({"machine": platform.machine(), "python": platform.python_version()} | packages) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What a backbone knows before it is trained: a linear head on it, validation top-1, for each kind of weights.

    python bench/starter.py TRASHNET --imagenet FILE --mnist FOLDER

The head is `edgetl train --epochs 0`'s. Of TrashNet the starter has seen the training photos, without labels, never the
validation photos of this split; MNIST, and the parts that `edgetl demo` draws, it has never seen at all. FILE is
Keras's MobileNetV2 0.35 for 224 px without its top, and serves both sizes; FOLDER holds MNIST's
`t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`.
"""

import argparse
import gzip
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from head_stage import cached

from edgetl.card import InputSpec
from edgetl.host.dataset.load import load_dataset
from edgetl.host.demo.draw import draw_photos
from edgetl.host.networks.backend import import_keras
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import resolve_classifier
from edgetl.host.train.weights.source import open_source

SIZES = (96, 224)
HEAD_EPOCHS = 40


def write_digits(root: Path, mnist: Path, per_class: int) -> None:
    """Writes some of MNIST's test digits as folders of photos."""
    pixels = gzip.decompress((mnist / "t10k-images-idx3-ubyte.gz").read_bytes())
    values = np.frombuffer(gzip.decompress((mnist / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    digits = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
    for digit in range(10):
        (root / str(digit)).mkdir(parents=True)
        for row in np.flatnonzero(values == digit)[:per_class].tolist():
            cv2.imwrite(str(root / str(digit) / f"{row}.png"), digits[row])


def top1(folder: Path, weights: str, size: int, *, flip: bool) -> float:
    """Trains a head on a folder of photos; returns its validation top-1."""
    options = TrainOptions(data=str(folder), name="bench", weights=weights, size=size, flip=flip)
    spec = InputSpec(size, size)
    data = load_dataset(folder, spec)
    counts = np.bincount(data.train.classes).tolist()
    resolved = resolve_classifier(options, open_source(weights), spec, counts)
    return cached(data, replace(resolved, head_epochs=HEAD_EPOCHS))[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trashnet", type=Path)
    parser.add_argument("--imagenet", required=True)
    parser.add_argument("--mnist", type=Path, required=True)
    arguments = parser.parse_args()
    import_keras()
    with tempfile.TemporaryDirectory() as folder:
        digits, parts = Path(folder) / "digits", Path(folder) / "parts"
        write_digits(digits, arguments.mnist, 300)
        draw_photos(parts, 120, seed=100)
        print("| photos | px | none | starter | ImageNet | of the distance closed |\n|---|---|---|---|---|---|")
        for name, photos in (("TrashNet", arguments.trashnet), ("MNIST digits", digits), ("drawn parts", parts)):
            for size in SIZES:
                none, starter, imagenet = (
                    top1(photos, w, size, flip=photos != digits) for w in ("none", "starter", arguments.imagenet)
                )
                assert imagenet > none, f"ImageNet's weights are of no use on {name}: there is no distance to close"
                closed = (starter - none) / (imagenet - none)
                print(f"| {name} | {size} | {none:.3f} | {starter:.3f} | {imagenet:.3f} | {closed:.0%} |", flush=True)


if __name__ == "__main__":
    main()

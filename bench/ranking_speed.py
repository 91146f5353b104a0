"""How long `edgetl models rank` takes: 20 starts of MobileNetV2 0.35 at 224 px on 500 photos, first and second time.

    python bench/ranking_speed.py PHOTOS

PHOTOS is a folder of class folders with at least 630 photos, for example TrashNet. The starts are the starter, random
weights, and 18 files with the starter's kernels in another order. The first run also decodes the photos and converts
the network once, to measure its cost. Memory is the largest of the process.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from edgetl.host.train.weights import starter

STARTS, PHOTOS = 20, 630
MOST_SECONDS, MOST_AGAIN, MOST_BYTES = 75, 5, 1.5e9


def link_photos(source: Path, root: Path) -> None:
    """Links as many photos of each class that a training has 500 of them, and holds 130 back."""
    folders = sorted(folder for folder in source.iterdir() if folder.is_dir())
    for folder in folders:
        (root / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[: PHOTOS // len(folders)]:
            (root / folder.name / photo.name).symlink_to(photo.absolute())


def write_starts(folder: Path) -> list[Path]:
    files = []
    for seed in range(STARTS - 2):
        file = folder / f"start{seed}.h5"
        shutil.copy(starter.weights_file(), file)
        rng = np.random.default_rng(seed)
        with h5py.File(file, "r+") as content:

            def mix(name: str, item: h5py.Dataset, rng: np.random.Generator = rng) -> None:
                if isinstance(item, h5py.Dataset) and item.ndim == 4:
                    item[...] = rng.permutation(item[...].ravel()).reshape(item.shape)

            content.visititems(mix)
        files.append(file)
    return files


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link_photos(Path(sys.argv[1]), folder / "photos")
        given = [word for file in write_starts(folder) for word in ("--weights", str(file))]
        places = {key: str(folder / key) for key in ("EDGETL_MODELS", "EDGETL_CACHE", "KERAS_HOME")}
        command = [sys.executable, "-m", "edgetl", "models", "rank", str(folder / "photos"), *given]
        print("| run | s | processor s | memory MB |\n|---|---|---|---|")
        for run, most in (("first", MOST_SECONDS), ("second", MOST_AGAIN)):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            done = subprocess.run(command, env=os.environ | places, capture_output=True, text=True, check=True)
            seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"| {run} | {seconds:.1f} | {processor:.1f} | {after.ru_maxrss / 1000:.0f} |", flush=True)
            assert len(done.stdout.splitlines()) == STARTS + 3, done.stdout
            assert processor < 2 * most, "two cores would need longer than allowed"
            assert after.ru_maxrss * 1024 < MOST_BYTES


if __name__ == "__main__":
    main()

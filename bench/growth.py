"""How cost grows: with the input's size, the network's width, the objects in view, and the photos to learn from.

    python bench/growth.py --plot growth.png
    python bench/growth.py --photos 100 1000 10000 50000

Networks have random weights, whose speed is that of trained ones; photos are drawn. Times are medians, one thread, the
candidates taking turns; memory is what a process of its own keeps beside the mapped pixels. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import bench_models
import cv2
import numpy as np
from hot_path import medians
from matplotlib.figure import Figure
from test_detect import CARD, LOGITS, LTRB, SIZE, outputs, quantized

from edgetl import Model
from edgetl.vision.detect import Decoder

SIZES = (96, 128, 160, 192, 224, 256, 320)
ALPHAS = (0.35, 0.5, 0.75, 1.0)
CELLS = (1, 3, 10, 30)
ROUNDS = 300

_LOAD = """
import json, sys, time
from pathlib import Path
from edgetl.card import InputSpec
from edgetl.host.dataset.load import load_dataset
rows = []
for _ in range(2):
    start = time.perf_counter()
    data = load_dataset(Path(sys.argv[1]), InputSpec(96, 96))
    rows.append(time.perf_counter() - start)
start = time.perf_counter()
for first in range(0, len(data.train), 32):
    data.train.batch(slice(first, first + 32))
rows.append(time.perf_counter() - start)
own = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon"))
print(json.dumps([*rows, int(own) / 1024]))
"""

Row = tuple[float, ...]


def networks(folder: Path) -> dict[tuple[float, int], float]:
    """Returns frame to result, ms, of each width at 224 px and of each size at 0.35."""
    wanted = [(alpha, 224) for alpha in ALPHAS] + [(0.35, size) for size in SIZES if size != 224]
    models = {key: Model.open(bench_models.classifier(folder / f"{key}.tflite", *key), threads=1) for key in wanted}
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    calls = [(lambda model=model: model(frame)) for model in models.values()]  # type: ignore[misc]
    return dict(zip(models, medians(calls, ROUNDS), strict=True))


def objects() -> dict[int, float]:
    """Returns the detector's decoding, microseconds, by the number of candidates."""
    decoder, taken = Decoder(CARD, LOGITS, LTRB), {}
    for cells in CELLS:
        raw = [quantized(*pair) for pair in zip(outputs(cells), (LOGITS, LTRB), strict=True)]
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter_ns()
            decoder(*raw, SIZE)
            times.append((time.perf_counter_ns() - start) / 1e3)
        taken[10 * cells] = statistics.median(times)
    return taken


def photos(folder: Path, counts: Sequence[int]) -> dict[int, Row]:
    """Returns seconds to load a data set, to load it again, to read it once, and the memory that took, MB."""
    found, written = {}, 0
    for count in sorted(counts):
        _draw(folder, written, count)
        written = count
        environment = os.environ | {"EDGETL_CACHE": str(folder.parent / "cache")}  # gone with the photos
        command = [sys.executable, "-c", _LOAD, str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found[count] = tuple(json.loads(done.stdout.splitlines()[-1]))
    return found


def _draw(folder: Path, first: int, last: int) -> None:
    """Draws photos of three classes, no two alike: smooth random colours, 160 x 120 px."""
    for index in range(first, last):
        rng = np.random.default_rng(index)
        coarse = rng.integers(0, 256, (4, 5, 3), np.uint8)
        path = folder / "abc"[index % 3] / f"{index:06}.jpg"
        path.parent.mkdir(exist_ok=True, parents=True)
        cv2.imwrite(str(path), cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[100, 1000, 10_000, 50_000])
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        speed = networks(Path(name))
        loading = photos(Path(name) / "photos", given.photos)
    decoding = objects()
    print("| MobileNetV2, int8 | frame to result, ms | ns a pixel of the input |\n|---|---|---|")
    for (alpha, size), ms in sorted(speed.items()):
        print(f"| {alpha} at {size} | {ms:.2f} | {1e6 * ms / size**2:.1f} |")
    print("\n| candidates | decoding, us |\n|---|---|")
    for count, microseconds in decoding.items():
        print(f"| {count} | {microseconds:.0f} |")
    print("\n| photos | first load, s | again, s | an epoch's reading, s | memory, MB | ms a photo |")
    print("|---|---|---|---|---|---|")
    for count, (first, again, read, memory) in loading.items():
        print(f"| {count:,} | {first:.1f} | {again:.2f} | {read:.2f} | {memory:.0f} | {1e3 * first / count:.2f} |")
    if given.plot:
        _plot(given.plot, speed, decoding, loading)


def _plot(
    path: Path, speed: dict[tuple[float, int], float], decoding: dict[int, float], loading: dict[int, Row]
) -> None:
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    axes = figure.subplots(1, 4)
    by_size = {size: ms for (alpha, size), ms in sorted(speed.items()) if alpha == 0.35}
    by_alpha = {alpha: ms for (alpha, size), ms in sorted(speed.items()) if size == 224}
    axes[0].plot([size**2 / 1e3 for size in by_size], list(by_size.values()), "o-")
    axes[0].set(xlabel="input, 1,000 px", ylabel="frame to result, ms", title="size")
    axes[1].plot(list(by_alpha), list(by_alpha.values()), "o-")
    axes[1].set(xlabel="alpha", title="width")
    axes[2].plot(list(decoding), list(decoding.values()), "o-")
    axes[2].set(xlabel="candidates", ylabel="decoding, us", title="objects")
    axes[3].loglog(list(loading), [row[0] for row in loading.values()], "o-", label="first load")
    axes[3].loglog(list(loading), [row[1] for row in loading.values()], "o-", label="again")
    axes[3].set(xlabel="photos", ylabel="s", title="data set")
    axes[3].legend(frameon=False)
    for axis in axes[:3]:
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

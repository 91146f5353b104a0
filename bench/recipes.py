"""Every runtime and recipe of some models in one table: what each keeps, weighs and takes, and why one is refused.

    python bench/recipes.py trash cards --data ../photos/trash --data ../photos/cards

NAME is of the store (`edgetl models`). Each model is converted anew, for a target with all recipes and the usual gate;
then what was accepted takes turns on 640 x 480 frames, with 1 and with 2 threads. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from edgetl import store
from edgetl.bundle import Bundle, Variant
from edgetl.device.measure import bench
from edgetl.device.measure.bench import Candidate, Measured
from edgetl.host.convert.job import convert

TARGET = """
title = "all there is"
arch = "x86_64"
runtimes = ["tflite", "openvino"]
recipes = ["static_wi8_ai8", "device_wi8_ai8", "dynamic_wi8_afp32", "float16", "float32"]
threads = 1

[gate]
max_accuracy_drop = 0.01
min_agreement = 0.96
max_map_drop = 0.02
max_map50_drop = 0.01
min_box_agreement = 0.8
"""
THREADS = (1, 2)


def measured(bundle: Bundle, seconds: float) -> dict[Candidate, Measured]:
    """Times everything that was accepted."""
    wanted = bench.candidates(bundle.folder, None, THREADS, every=True)
    return {one.candidate: one for one in bench.measure(bundle.folder, wanted, bench.frames_of(bundle.folder), seconds)}


def row(bundle: Bundle, variant: Variant, times: dict[Candidate, Measured]) -> str:
    """Returns a variant's row."""
    figures = [
        f"{time.percentile('total', 50):.2f} / {time.percentile('total', 95):.2f}"
        if (time := times.get(Candidate(variant.name, threads)))
        else ""
        for threads in THREADS
    ]
    chosen = "chosen" if variant.name == bundle.manifest.chosen else "accepted" if variant.accepted else "refused"
    told = f"{chosen}: {variant.note}" if variant.note else chosen
    cells = [
        bundle.manifest.card.name,
        variant.name,
        f"{variant.measured.accuracy:.3f}",
        f"{-100 * variant.measured.accuracy_drop:+.1f}",
        f"{variant.measured.agreement:.1%}",
        f"{variant.measured.max_score_difference:.2g}",
        f"{variant.bytes / 1e3:,.0f}",
        *figures,
        told,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--data", action="append", help="the photos of each, where they have moved")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each variant and number of threads")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        for name in given.names:  # copies: nobody's store is to have these bundles
            shutil.copytree(store.open_model(name).folder, models / name)
        os.environ["EDGETL_MODELS"] = str(models)
        target = Path(folder) / "all.toml"
        target.write_text(TARGET)
        for name, data in zip(given.names, given.data or [None] * len(given.names), strict=True):
            bundle = convert(name, str(target), data=data)
            times = measured(bundle, given.seconds)
            rows += [row(bundle, variant, times) for variant in bundle.manifest.variants]
    threads = " | ".join(f"p50 / p95 ms, {count} thread{'s' * (count > 1)}" for count in THREADS)
    print(f"| model | variant | top-1, mAP | points | agrees | score moved by | kB | {threads} | |")
    print("|" + "---|" * 10)
    print("\n".join(rows))


if __name__ == "__main__":
    main()

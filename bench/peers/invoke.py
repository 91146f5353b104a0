"""What `edgetl bench` says of the network, beside OpenVINO's benchmark_app and a bare LiteRT loop, in one run.

    python bench/peers/invoke.py models/trash/all

BUNDLE is a bundle's folder; each of its variants that can run here is measured, one thread, the tools taking turns of
a few seconds. Ends with 1 where a median is off by more than 5 %. A portable detector's is: how long its own
suppression takes depends on the picture, and `edgetl bench` shows it the golden photos.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgetl.bundle import Bundle, Variant

ALLOWED = 0.05
SECONDS, TURNS = 2.0, 7


def ours(bundle: Path, variant: Variant) -> float:
    """Returns the median invoke, ms, from the JSON of `edgetl bench`."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = ["edgetl", "bench", bundle, "--variant", variant.name, "--threads", 1, "--seconds", SECONDS]
        _output(sys.executable, "-m", *command, "--json", result)
        stages = json.loads(result.read_text())["benchmarks"]
    return next(1e3 * stage["stats"]["median"] for stage in stages if "invoke" in stage["name"])


def benchmark_app(file: Path) -> float:
    """Returns the median that OpenVINO's own tool tells, ms."""
    command = ["-m", file, "-d", "CPU", "-api", "sync", "-hint", "none", "-nstreams", 1, "-nthreads", 1]
    command += ["-infer_precision", "f32", "-t", int(SECONDS)]
    tool = Path(sys.executable).with_name("benchmark_app")
    if not tool.is_file():
        raise SystemExit("benchmark_app isn't there: pip install -e '.[openvino]'")
    told = _output(tool, *command)
    found = re.search(r"Median:\s+([\d.]+) (ms|us)", told)
    if not found:
        raise SystemExit(f"benchmark_app tells no median:\n{told}")
    return float(found[1]) / {"ms": 1, "us": 1000}[found[2]]


def litert(file: Path) -> float:
    """Returns the median of invoke() in a loop of nothing else, ms; its input is noise, as benchmark_app's is."""
    interpreter = Interpreter(model_path=str(file), num_threads=1)
    interpreter.allocate_tensors()
    taken = interpreter.get_input_details()[0]
    noise = np.random.default_rng(0).integers(0, 256, taken["shape"], np.uint8)
    kind = taken["dtype"]
    interpreter.set_tensor(taken["index"], noise.view(kind) if kind is np.int8 else noise.astype(kind))
    times, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        start = time.perf_counter_ns()
        interpreter.invoke()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return statistics.median(times[len(times) // 10 :])


def _output(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    given = parser.parse_args()
    bundle, furthest = Bundle.open(given.bundle), 0.0
    print("| variant | edgetl bench, invoke p50 ms | the other's tool | ms | edgetl beside it |\n|---|---|---|---|---|")
    for variant in bundle.runnable:
        name, theirs = {"tflite": ("bare LiteRT loop", litert), "openvino": ("benchmark_app", benchmark_app)}[
            variant.runtime
        ]
        turns = [(ours(given.bundle, variant), theirs(bundle.model_file(variant))) for _ in range(TURNS)]
        mine, other = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"| {variant.name} | {mine:.3f} | {name} | {other:.3f} | {mine / other:.3f} |", flush=True)
        furthest = max(furthest, abs(mine / other - 1))
    if furthest > ALLOWED:
        sys.exit(f"{furthest:.1%} off, {ALLOWED:.0%} are allowed")


if __name__ == "__main__":
    main()

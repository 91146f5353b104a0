"""Frame to result against the bare interpreter's invoke(), measured in turn in one run.

    python bench/hot_path.py models/trash/rpi/static_wi8_ai8.tflite

Prints the medians, ms, over a 640 x 480 frame with one thread, and what edgetl adds.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgetl import Model


def compare(path: Path, frame: np.ndarray, rounds: int) -> tuple[float, float]:
    """Returns the medians of the bare invoke and of frame to result, ms; the two take turns."""
    bare = Interpreter(model_path=str(path), num_threads=1)
    bare.allocate_tensors()
    bare.set_tensor(
        bare.get_input_details()[0]["index"], np.zeros_like(bare.get_tensor(bare.get_input_details()[0]["index"]))
    )
    model = Model.open(path, threads=1)
    invokes, totals = [], []
    for _ in range(rounds + 50):
        start = time.perf_counter_ns()
        bare.invoke()
        middle = time.perf_counter_ns()
        model(frame)
        totals.append((time.perf_counter_ns() - middle) / 1e6)
        invokes.append((middle - start) / 1e6)
    return statistics.median(invokes[50:]), statistics.median(totals[50:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    invoke, total = compare(arguments.model, frame, arguments.rounds)
    print(f"bare invoke {invoke:.3f} ms, frame to result {total:.3f} ms: {total / invoke:.3f} times")


if __name__ == "__main__":
    main()

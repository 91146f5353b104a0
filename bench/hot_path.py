"""Frame to result against the bare interpreter's invoke(), measured in turn in one run.

    python bench/hot_path.py models/trash/rpi/static_wi8_ai8.tflite
    python bench/hot_path.py models/cards/rpi/static_wi8_ai8.tflite --frame cards.jpg --objects 10

Prints the medians, ms, over a 640 x 480 frame with one thread, and what edgetl adds. A detector's threshold is lowered
until so many objects are found, and once more until 300 cells go into non-maximum suppression.
"""

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgetl import Model, ResultFilter

CANDIDATES = 300


def compare(path: Path, frame: np.ndarray, rounds: int, *filters: ResultFilter) -> tuple[float, ...]:
    """Returns the medians of the bare invoke and of frame to result with each filter, ms; they all take turns."""
    bare = Interpreter(model_path=str(path), num_threads=1)
    bare.allocate_tensors()
    bare.set_tensor(
        bare.get_input_details()[0]["index"], np.zeros_like(bare.get_tensor(bare.get_input_details()[0]["index"]))
    )
    models = [Model.open(path, threads=1, only=only) for only in filters or (ResultFilter(),)]
    times: list[list[float]] = [[] for _ in range(1 + len(models))]
    calls = [bare.invoke, *((lambda model=model: model(frame)) for model in models)]
    for _ in range(rounds + 50):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter_ns()
            call()
            taken.append((time.perf_counter_ns() - start) / 1e6)
    return tuple(statistics.median(taken[50:]) for taken in times)


def finding(model: Model, frame: np.ndarray, objects: int) -> ResultFilter:
    """Returns the filter with the largest threshold at which so many objects are found."""
    for threshold in np.linspace(0.95, 0.001, 400):
        model.only = ResultFilter(threshold=float(threshold), max_det=objects)
        if len(model(frame)) == objects:
            return model.only
    raise SystemExit(f"the model finds no {objects} objects in this frame: give another with --frame")


def weighing(model: Model, frame: np.ndarray, cells: int) -> ResultFilter:
    """Returns the filter with which so many cells go into non-maximum suppression, or a few more."""
    # An overlap of 1 suppresses nothing: what comes out is what went in.
    for threshold in np.linspace(0.95, 0, 2000):
        model.only = ResultFilter(threshold=float(threshold), iou=1.0, max_det=10_000)
        if len(model(frame)) >= cells:
            return ResultFilter(threshold=float(threshold))
    raise SystemExit(f"the model has no {cells} cells")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--frame", type=Path, help="a photo, resized to 640 x 480; else noise")
    parser.add_argument("--objects", type=int, default=10, help="that a detector is to find")
    given = parser.parse_args()
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    if given.frame:
        frame = cv2.resize(cv2.imread(str(given.frame)), (640, 480), interpolation=cv2.INTER_AREA)
    model = Model.open(given.model, threads=1)
    if model.card.task == "classification":
        invoke, total = compare(given.model, frame, given.rounds)
        print(f"bare invoke {invoke:.3f} ms, frame to result {total:.3f} ms: {total / invoke:.3f} times")
        return
    filters = finding(model, frame, given.objects), weighing(model, frame, CANDIDATES)
    invoke, some, many = compare(given.model, frame, given.rounds, *filters)
    print(f"bare invoke {invoke:.3f} ms, frame to {given.objects} boxes {some:.3f} ms: {some / invoke:.3f} times")
    print(f"with {CANDIDATES} candidates {many:.3f} ms: {many - some:.3f} ms more")


if __name__ == "__main__":
    main()

"""Frame to result against the bare interpreter's invoke(), measured in turn in one run.

    python bench/hot_path.py models/trash/rpi/static_wi8_ai8.tflite
    python bench/hot_path.py models/cards/rpi/static_wi8_ai8.tflite --frame cards.jpg --objects 10
    python bench/hot_path.py models/trash/all/device_wi8_ai8.tflite --beside models/trash/all/static_wi8_ai8.tflite

Prints the medians, ms, over a 640 x 480 frame with one thread, and what edgetl adds. For a classifier also what no
program can do without: one resize straight into the input tensor, and invoke(). Where an interpreter's memory comes to
lie makes a few hundredths: all are opened several times, and the medians of the ratios count. A detector's threshold is
lowered until so many objects are found, and once more until 300 cells go into non-maximum suppression.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgetl import Model, ResultFilter

CANDIDATES = 300
TURN = 25
"""Calls in a row of one kind, as a camera makes them; the first fifth pays for what the kind before left in the
processor's caches, and doesn't count."""


def in_turn(
    calls: Sequence[Callable[[], object]],
    rounds: int,
    turn: int = TURN,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[list[float]]:
    """Returns what each call takes, ms, at least `rounds` times of each; they take turns of so many calls.

    Other work on the machine disturbs `time.process_time_ns` less, which counts all threads of this process.
    """
    times: list[list[float]] = [[] for _ in calls]
    begun = turn // 5
    for round_ in range(1 + math.ceil(rounds / (turn - begun))):  # the first is for all that is done only once
        for call, taken in zip(calls, times, strict=True):
            for index in range(turn):
                start = clock()
                call()
                if round_ and index >= begun:
                    taken.append((clock() - start) / 1e6)
    return times


def medians(calls: Sequence[Callable[[], object]], rounds: int) -> tuple[float, ...]:
    """Returns the median of what each call takes, ms; see `in_turn`."""
    return tuple(statistics.median(taken) for taken in in_turn(calls, rounds))


def compare(
    path: Path, frame: np.ndarray, rounds: int, *filters: ResultFilter, beside: Path | None = None
) -> tuple[float, ...]:
    """Returns the medians of the bare invoke (of `beside`) and of frame to result with each filter, ms."""
    models = [Model.open(path, threads=1, only=only) for only in filters or (ResultFilter(),)]
    invoke = allocated(beside or path).invoke
    return medians([invoke, *((lambda model=model: model(frame)) for model in models)], rounds)


def compare_openings(path: Path, beside: Path, frame: np.ndarray, rounds: int, openings: int) -> None:
    """Prints what a classifier takes beside the bare invoke, of so many openings of all of them."""
    rows = []
    for _ in range(openings):
        with Model.open(path, threads=1) as model:
            calls = allocated(beside).invoke, least(path, frame), lambda model=model: model(frame)
            invoke, resized, total = medians(calls, rounds // openings)
        rows.append((invoke, resized, resized / invoke, total, total / invoke))
    invoke, resized, floor, total, share = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"bare invoke {invoke:.3f} ms, with one resize {resized:.3f} ms: {floor:.3f} times, ", end="")
    shares = ", ".join(f"{row[-1]:.3f}" for row in sorted(rows, key=lambda row: row[-1]))
    print(f"frame to result {total:.3f} ms: {share:.3f} times ({shares})")


def least(path: Path, frame: np.ndarray) -> Callable[[], object]:
    """Returns what resizes a frame into the input tensor as it is, and invokes."""
    interpreter = allocated(path)
    tensor = interpreter.tensor(interpreter.get_input_details()[0]["index"])
    pixels = np.empty(tensor().shape[1:], np.uint8)  # of a float input: OpenCV would make an array of floats

    def look() -> None:
        view = tensor()[0]
        target = pixels if view.dtype == np.float32 else view.view(np.uint8)
        cv2.resize(frame, target.shape[1::-1], dst=target)
        if target is pixels:
            np.copyto(view, pixels)
        del view, target  # invoke() refuses while someone looks
        interpreter.invoke()

    return look


def allocated(path: Path) -> Interpreter:
    """Opens a file in a bare interpreter, one thread."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


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
    parser.add_argument("--beside", type=Path, help="the file whose bare invoke() counts; else the same")
    parser.add_argument("--rounds", type=int, default=2800, help="in all")
    parser.add_argument("--openings", type=int, default=7, help="of a classifier: luck with its memory averages out")
    parser.add_argument("--frame", type=Path, help="a photo, resized to 640 x 480; else noise")
    parser.add_argument("--objects", type=int, default=10, help="that a detector is to find")
    given = parser.parse_args()
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    if given.frame:
        frame = cv2.resize(cv2.imread(str(given.frame)), (640, 480), interpolation=cv2.INTER_AREA)
    model = Model.open(given.model, threads=1)
    if model.card.task == "classification":
        compare_openings(given.model, given.beside or given.model, frame, given.rounds, given.openings)
        return
    filters = finding(model, frame, given.objects), weighing(model, frame, CANDIDATES)
    invoke, some, many = compare(given.model, frame, given.rounds, *filters, beside=given.beside)
    print(f"bare invoke {invoke:.3f} ms, frame to {given.objects} boxes {some:.3f} ms: {some / invoke:.3f} times")
    print(f"with {CANDIDATES} candidates {many:.3f} ms: {many - some:.3f} ms more")


if __name__ == "__main__":
    main()

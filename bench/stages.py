"""The stages whose speed is kept, each beside a load of the same kind that is none of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from bench_models import patches
from hot_path import TURN, allocated, finding, in_turn, weighing

from edgetl import Model, ResultFilter
from edgetl.card import InputSpec
from edgetl.device.camera import open_camera
from edgetl.device.run import loop
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.vision.classify import best
from edgetl.vision.preprocess import Preprocessor

REFERENCE = Path(__file__).parent / "reference" / "ratios.json"
"""Kinds of machines by name, and each one's ratio for each stage."""
Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Stage:
    """What is timed.

    Attributes:
        name: in the reference.
        ours: the stage; it checks its own result.
        beside: the calibration load: what it would cost at the least, or a fixed load of the same libraries.
        allowed: growth of the ratio of the two before the gate fails, a share.
        rounds: of each; they should last for some tenths of a second, as the moods of a shared machine do.
        turn: calls of each in a row, see `hot_path.in_turn`.
    """

    name: str
    ours: Call
    beside: Call
    allowed: float = 0.2
    rounds: int = 600
    turn: int = TURN


def ratio(stage: Stage) -> float:
    """Returns how many times as long as its calibration a stage takes.

    Of each the quick fifth counts: whatever else the machine does only ever adds to it.
    """
    with one_core():
        ours, beside = in_turn((stage.ours, stage.beside), stage.rounds, stage.turn)
    return float(np.percentile(ours, 20) / np.percentile(beside, 20))


def nearest(found: dict[str, float], references: dict[str, dict[str, float]]) -> dict[str, float]:
    """Returns the ratios of that kind of machine whose ratios are nearest to those that were found here.

    A processor's caches and instructions change what a stage costs beside its load, most stages at once. A stage that
    has grown changes one ratio, and hardly the choice. A stage that was not measured on that kind has another kind's.
    """

    def distance(reference: dict[str, float]) -> float:
        return float(np.median([abs(np.log(found[name] / reference[name])) for name in found if name in reference]))

    others = {name: ratio for reference in references.values() for name, ratio in reference.items()}
    return others | min(references.values(), key=distance)


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps what runs, and each thread that it starts, to one core, and OpenCV to one thread.

    Else a ratio would tell how many cores there are, and how many are idle just now.
    """
    threads, cores = cv2.getNumThreads(), _cores()
    cv2.setNumThreads(1)
    _keep_to(sorted(cores)[-1:])
    try:
        yield
    finally:
        _keep_to(cores)
        cv2.setNumThreads(threads)


def _cores() -> Collection[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()


def _keep_to(cores: Collection[int]) -> None:
    if cores:  # not every system can
        os.sched_setaffinity(0, cores)


def stages(classifier: Path, detector: Path, film: Path, stack: ExitStack) -> Iterator[Stage]:
    """Makes the stages.

    Args:
        classifier: an int8 `.tflite` of edgetl's, 224 px.
        detector: another, of a detector.
        film: to run the loop on.
        stack: closes the models.
    """
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (480, 640, 3), np.uint8)
    yield from _preprocessing(rng)
    yield _classifying()
    yield from _models(classifier, detector, frame, stack)
    yield Stage("open", lambda: Model.open(classifier).close(), lambda: allocated(classifier), rounds=120, turn=5)
    yield _looping(classifier, film)


def _preprocessing(rng: np.random.Generator) -> Iterator[Stage]:
    for name, size, spec, resized in (  # resized: (height, width) of the frame's place in the input
        ("preprocess 640x480 stretch", (480, 640), InputSpec(224, 224), (224, 224)),
        ("preprocess 1280x720 stretch", (720, 1280), InputSpec(224, 224), (224, 224)),
        ("preprocess 640x480 letterbox", (480, 640), InputSpec(320, 320, resize="letterbox"), (240, 320)),
    ):
        frame = rng.integers(0, 256, (*size, 3), np.uint8)
        out, plain = (np.zeros((*shape, 3), np.uint8) for shape in ((spec.height, spec.width), resized))
        work = Preprocessor(spec)
        yield Stage(
            name,
            lambda work=work, frame=frame, out=out: work(frame, out),  # type: ignore[misc]
            lambda frame=frame, plain=plain: cv2.resize(frame, plain.shape[1::-1], dst=plain),  # type: ignore[misc]
            rounds=3_000,
        )


def _classifying() -> Stage:
    scores = np.linspace(0, 1, 1001, dtype=np.float32)
    labels = tuple(f"class {i}" for i in range(1001))

    def ours() -> None:
        assert best(scores, labels, 1, 0.0).labels == ("class 1000",)

    return Stage("decode classifier", ours, lambda: _small_calls(scores), rounds=12_000)


def _models(classifier: Path, detector: Path, frame: np.ndarray, stack: ExitStack) -> Iterator[Stage]:
    for name, path in (("classifier", classifier), ("detector", detector)):
        model = stack.enter_context(Model.open(path, threads=1))
        invoke = allocated(path).invoke
        if name == "detector":
            frame = patches()
            few, many = finding(model, frame, 10), weighing(model, frame, 300)
            for count, only in (("10 objects", few), ("300 candidates", many)):
                yield _decoding(f"decode detector, {count}", path, frame, only, stack)
            model.only = few
        yield Stage(f"frame to result, {name}", lambda model=model, frame=frame: model(frame), invoke, 0.1)  # type: ignore[misc]


def _decoding(name: str, path: Path, frame: np.ndarray, only: ResultFilter, stack: ExitStack) -> Stage:
    model = stack.enter_context(Model.open(path, threads=1, only=only))
    assert len(model(frame))
    load = np.linspace(0, 1, 1001, dtype=np.float32)
    return Stage(name, lambda: model._head((640, 480)), lambda: _small_calls(load), rounds=6_000)


def _looping(classifier: Path, film: Path) -> Stage:
    """A run on a film to JSON Lines, beside reading, the model and nothing else."""

    def ours() -> None:
        with (
            Model.open(classifier, threads=1) as model,
            open_camera(str(film), model.card.input) as camera,
            JsonLines("/dev/null") as lines,
        ):
            assert loop.run(model, camera, [lines]).frames == FILM_FRAMES

    def beside() -> None:
        capture = cv2.VideoCapture(str(film))
        with Model.open(classifier, threads=1) as model:
            while True:
                found, image = capture.read()
                if not found:
                    break
                model(image)
        capture.release()

    return Stage("live loop on a film", ours, beside, rounds=8, turn=1)


FILM_FRAMES = 120


def write_film(path: Path) -> Path:
    """Writes a film of drawn patches, 640 x 480."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
    picture = patches()
    for shift in range(FILM_FRAMES):
        writer.write(np.roll(picture, shift, axis=1))
    writer.release()
    return path


def _small_calls(scores: np.ndarray) -> None:
    """What decoding consists of: calls of NumPy on little data, of which each costs more than the data."""
    for _ in range(10):
        np.array((int(scores.argmax()),)).tolist()

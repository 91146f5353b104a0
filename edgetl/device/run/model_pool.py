"""Several of one model, which look at a file's frames at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from edgetl.bundle import MANIFEST, Bundle
from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.inference.model import EVERYTHING, Model
from edgetl.device.measure.machine import cores
from edgetl.device.stages import Timings
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Result


@dataclass(frozen=True, slots=True)
class Looked:
    """A frame that was looked at.

    Attributes:
        frame: it.
        result: what is in it.
        timings: what finding out took.
        at: when that was known, in seconds of `time.monotonic`.
    """

    frame: Frame
    result: Result
    timings: Timings
    at: float


def open_crew(
    path: Path,
    *,
    together: bool,
    variant: str | None = None,
    threads: int | None = None,
    labels: Path | None = None,
    only: ResultFilter = EVERYTHING,
) -> list[Model]:
    """Opens a model for a run; see `Model.open`.

    Args:
        path: of the bundle or the model file.
        together: whether frames are to be looked at at once: one model for each thread, then, and no more of them than
            there are cores; else one with all threads.
        variant: of the bundle.
        threads: in all.
        labels: for a file without.
        only: the results wanted.
    """
    if not together:
        return [Model.open(path, variant=variant, threads=threads, labels=labels, only=only)]
    crew = [Model.open(path, variant=variant, threads=1, labels=labels, only=only)]
    count = threads or (Bundle.open(path).manifest.threads if (path / MANIFEST).is_file() else 1)
    while len(crew) < min(count, cores()):
        # By its name: what runs in place of a variant without a runtime is told once.
        crew.append(Model.open(path, variant=crew[0].variant, threads=1, labels=labels, only=only))
    return crew


def look(models: Sequence[Model], items: Iterable[Frame | Event]) -> Generator[Looked | Event]:
    """Looks at frames; results come in the frames' order.

    Two threads for one frame are far from twice as fast as one, but two frames with a thread each are: where none has
    to be the newest, the frames share the cores.

    Args:
        models: the same, each opened for itself. What is wanted of the first, its `only`, is wanted of all.
        items: the frames; events among them pass as they are, in their place, and an error comes at its.
    """
    if len(models) == 1:
        return _look_alone(models[0], items)
    return _look_together(models, items)


def _look_alone(model: Model, items: Iterable[Frame | Event]) -> Generator[Looked | Event]:
    for item in items:
        yield _looked(model, item) if isinstance(item, Frame) else item


def _look_together(models: Sequence[Model], items: Iterable[Frame | Event]) -> Generator[Looked | Event]:
    first, idle = models[0], SimpleQueue[Model]()
    for model in models:
        idle.put(model)

    def looked(frame: Frame) -> Looked:
        model = idle.get()
        try:
            if model is not first and model.only is not first.only:
                model.only = first.only
            return _looked(model, frame)
        finally:
            idle.put(model)

    begun: deque[_Begun] = deque()
    pool = ThreadPoolExecutor(len(models), thread_name_prefix="look")
    try:
        for item in _with_error(items):
            begun.append(pool.submit(looked, item) if isinstance(item, Frame) else item)
            # One frame more than can be looked at, so that no model waits for the sinks.
            while begun and (len(begun) > len(models) or _is_there(begun[0])):
                yield _result(begun.popleft())
        while begun:
            yield _result(begun.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _with_error(items: Iterable[Frame | Event]) -> Generator[Frame | Event | Exception]:
    """Yields what ends the items, too: the results before it are on their way."""
    try:
        yield from items
    except Exception as error:
        yield error


def _looked(model: Model, frame: Frame) -> Looked:
    result = model(frame.image, frame.size_wh)
    return Looked(frame, result, replace(model.timings), monotonic())


_Begun = Future[Looked] | Event | Exception


def _is_there(begun: _Begun) -> bool:
    return not isinstance(begun, Future) or begun.done()


def _result(begun: _Begun) -> Looked | Event:
    if isinstance(begun, Exception):
        raise begun
    return begun.result() if isinstance(begun, Future) else begun

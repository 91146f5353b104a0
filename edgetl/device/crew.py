"""Several of one model, which look at a file's frames at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from edgetl.bundle import MANIFEST, Bundle
from edgetl.device.camera import Frame
from edgetl.device.events import Event
from edgetl.device.machine import cores
from edgetl.device.model import EVERYTHING, Model, Timings
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Result

Looked = tuple[Frame, Result, Timings]
"""A frame, what is in it, and what finding out took."""


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
        together: whether frames are to be looked at at once: one model for each thread, then; else one with all.
        variant: of the bundle.
        threads: in all.
        labels: for a file without.
        only: the results wanted.
    """
    if not together:
        return [Model.open(path, variant=variant, threads=threads, labels=labels, only=only)]
    count = threads or (min(Bundle.open(path).manifest.threads, cores()) if (path / MANIFEST).is_file() else 1)
    return [Model.open(path, variant=variant, threads=1, labels=labels, only=only) for _ in range(count)]


def look(models: Sequence[Model], items: Iterable[Frame | Event]) -> Generator[Looked | Event]:
    """Looks at frames; results come in the frames' order.

    Two threads for one frame are far from twice as fast as one, but two frames with a thread each are: where none has
    to be the newest, the frames share the cores.

    Args:
        models: the same, each opened for itself. What is wanted of the first, its `only`, is wanted of all.
        items: the frames; events among them pass as they are, in their place.
    """
    if len(models) == 1:
        return _look_alone(models[0], items)
    return _look_together(models, items)


def _look_alone(model: Model, items: Iterable[Frame | Event]) -> Generator[Looked | Event]:
    for item in items:
        yield _looked(model, item) if isinstance(item, Frame) else item


def _look_together(models: Sequence[Model], items: Iterable[Frame | Event]) -> Generator[Looked | Event]:
    idle: SimpleQueue[Model] = SimpleQueue()
    for model in models:
        idle.put(model)

    def looked(item: Frame) -> Looked:
        model = idle.get()
        try:
            if model.only is not models[0].only:
                model.only = models[0].only
            return _looked(model, item)
        finally:
            idle.put(model)

    begun: deque[Future[Looked] | Event] = deque()
    pool = ThreadPoolExecutor(len(models), thread_name_prefix="look")
    try:
        for item in items:
            begun.append(pool.submit(looked, item) if isinstance(item, Frame) else item)
            if len(begun) > len(models):  # one more than can be looked at, so that nobody waits for the sinks
                yield _result(begun.popleft())
        while begun:
            yield _result(begun.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _looked(model: Model, frame: Frame) -> Looked:
    result = model(frame.image, frame.size_wh)
    return frame, result, replace(model.timings)


def _result(begun: Future[Looked] | Event) -> Looked | Event:
    return begun if isinstance(begun, Event) else begun.result()

"""One model opened several times, so that several frames of a file are processed at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Self

from edgetl.bundle import Bundle, is_bundle
from edgetl.device.camera.frame import Frame
from edgetl.device.closing import Closing
from edgetl.device.events import Event
from edgetl.device.inference.model import EVERYTHING, Model
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.runtime.threads import model_count
from edgetl.vision.filter import ResultFilter


class ModelPool(Closing):
    """Runs frames through several instances of one model; the observations come in the frames' order.

    Two threads on one frame are far from twice as fast as one thread, but two frames with one thread each are. When no
    frame has to be the newest, the frames therefore share the cores.

    Lock rule: a queue of idle models hands each model to one thread at a time; only that thread uses the model.

    Args:
        models: instances of one model, each opened on its own; at least one.
        keeps_scores: a function that is called with each frame in order, and says whether its observation also holds
            the scores of all classes of a classifier; None for none.

    Attributes:
        models: the instances.
        keeps_scores: the function that was given.
    """

    def __init__(self, models: Sequence[Model], *, keeps_scores: Callable[[Frame], bool] | None = None) -> None:
        self.models = tuple(models)
        self.keeps_scores = keeps_scores

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        parallel: bool,
        variant: str | None = None,
        threads: int | None = None,
        labels: Path | None = None,
        only: ResultFilter = EVERYTHING,
    ) -> Self:
        """Opens a model for a run; see `Model.open`.

        Args:
            path: the bundle's folder or the model file.
            parallel: whether several frames are processed at once. If so, there is one instance for each thread, and
                no more instances than cores; else one instance with all threads.
            variant: the name of the bundle's variant.
            threads: number of threads in all.
            labels: the text file of the labels, for a model file that has none inside.
            only: the results to report.
        """
        if not parallel:
            return cls([Model.open(path, variant=variant, threads=threads, labels=labels, only=only)])
        models = [Model.open(path, variant=variant, threads=1, labels=labels, only=only)]
        count = model_count(threads, Bundle.open(path) if is_bundle(path) else None)
        while len(models) < count:
            # Naming the opened variant keeps `Model.open` from warning again that it runs in another one's place.
            models.append(Model.open(path, variant=models[0].variant, threads=1, labels=labels, only=only))
        return cls(models)

    def run_models(
        self, items: Iterable[Frame | Event], selection: ResultSelection | None = None
    ) -> Generator[Observation | Event]:
        """Yields an observation for each frame, in the frames' order.

        Args:
            items: the frames. Events among them keep their place; an error is raised after the observations of the
                frames before it.
            selection: the results to report, which may change meanwhile; None leaves each model as it was opened.
        """

        def observe(model: Model, frame: Frame, keeps_scores: bool) -> Observation:
            return _observe(model, frame, selection, keeps_scores)

        keeps = self.keeps_scores or (lambda _: False)
        if len(self.models) == 1:
            return _run_one(self.models[0], items, observe, keeps)
        return _run_several(self.models, items, observe, keeps)

    def close(self) -> None:
        """Frees the models."""
        for model in self.models:
            model.close()


_Observe = Callable[[Model, Frame, bool], Observation]
_Keeps = Callable[[Frame], bool]


def _run_one(
    model: Model, items: Iterable[Frame | Event], observe: _Observe, keeps: _Keeps
) -> Generator[Observation | Event]:
    for item in items:
        yield observe(model, item, keeps(item)) if isinstance(item, Frame) else item


def _run_several(
    models: Sequence[Model], items: Iterable[Frame | Event], observe: _Observe, keeps: _Keeps
) -> Generator[Observation | Event]:
    idle = SimpleQueue[Model]()
    for model in models:
        idle.put(model)

    def observe_idle(frame: Frame, keeps_scores: bool) -> Observation:
        model = idle.get()
        try:
            return observe(model, frame, keeps_scores)
        finally:
            idle.put(model)

    pending: deque[_Pending] = deque()
    executor = ThreadPoolExecutor(len(models), thread_name_prefix="inference")
    try:
        for item in _with_error(items):
            pending.append(executor.submit(observe_idle, item, keeps(item)) if isinstance(item, Frame) else item)
            # One frame more than there are models, so that no model waits for the sinks.
            while pending and (len(pending) > len(models) or _is_ready(pending[0])):
                yield _resolve(pending.popleft())
        while pending:
            yield _resolve(pending.popleft())
    finally:
        executor.shutdown(cancel_futures=True)


def _with_error(items: Iterable[Frame | Event]) -> Generator[Frame | Event | Exception]:
    """Yields the items, and the error that ends them in its place: the frames before it are still in the models."""
    try:
        yield from items
    except Exception as error:
        yield error


def _observe(model: Model, frame: Frame, selection: ResultSelection | None, keeps_scores: bool) -> Observation:
    if selection and model.only is not (chosen := selection.filter):
        model.only = chosen
    result = model(frame.image, frame.size_wh)
    scores = model.last_scores() if keeps_scores else None
    # A copy of the timings: the model overwrites its own with the next frame.
    return Observation(frame, result, replace(model.timings), (monotonic() - frame.captured_at) * 1e3, scores)


_Pending = Future[Observation] | Event | Exception


def _is_ready(pending: _Pending) -> bool:
    return not isinstance(pending, Future) or pending.done()


def _resolve(pending: _Pending) -> Observation | Event:
    if isinstance(pending, Exception):
        raise pending
    return pending.result() if isinstance(pending, Future) else pending

"""Runs a variant over many photos: a few with one thread alone, for the latency, and the others on every core."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from typing import TypeVar, cast

from edgetl.device.inference.model import Model
from edgetl.device.measure.steps import Step
from edgetl.device.runtime import Runtime

TIMED_PHOTOS = 40
"""The latency is the median over this many photos, which run while nothing else does."""

Opened = tuple[Runtime, Model]
"""A variant's file, opened with one thread, and the model over it."""

R = TypeVar("R")


def run_photos(
    opened: Sequence[Opened], count: int, run: Callable[[Opened, int], R], step: Step
) -> tuple[list[R], float]:
    """Runs photos through a variant.

    Args:
        opened: the variant, opened once for each core to use.
        count: the number of photos, at least 1.
        run: the function that runs the photo at a position and returns what is to be kept of it. Several threads call
            it at once, each with another of `opened`.
        step: the function that is called with the number of photos done.

    Returns:
        What `run` returned for each photo, in the order of the photos; and the latency, ms, which is the median time of
        inference with one thread while nothing else runs.
    """
    found: list[R] = []
    times: list[float] = []

    def add(result: R) -> None:
        found.append(result)
        step("evaluating", len(found), count)

    timed = count if len(opened) == 1 else min(count, TIMED_PHOTOS)
    for position in range(timed):
        add(run(opened[0], position))
        times.append(opened[0][1].timings.invoke)
    if timed < count:
        _run_on_every_core(opened, range(timed, count), run, add)
    return found, statistics.median(times)


def _run_on_every_core(
    opened: Sequence[Opened], positions: Sequence[int], run: Callable[[Opened, int], R], add: Callable[[R], None]
) -> None:
    """Calls `add` with what `run` returns for each position, in order, on this thread."""
    idle: SimpleQueue[Opened] = SimpleQueue()
    for one in opened:
        idle.put(one)

    def work(position: int) -> R:
        one = idle.get()
        try:
            return run(one, position)
        finally:
            idle.put(one)

    pool = ThreadPoolExecutor(len(opened))
    # Closing the results on an error or on Ctrl-C drops the photos that no thread has begun.
    with pool, closing(cast("Generator[R]", pool.map(work, positions))) as results:
        for result in results:
            add(result)

"""Running a variant over many photos: the order of the results, the latency, errors and interruptions."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edgetl.card import InputSpec
from edgetl.device.measure.steps import no_steps
from edgetl.host.convert.gate.decoded_photos import DecodedPhotos
from edgetl.host.convert.gate.run_photos import TIMED_PHOTOS, run_photos


def opened(count):
    return [(None, SimpleNamespace(timings=SimpleNamespace(invoke=float(i + 1)))) for i in range(count)]


def test_results_come_in_the_order_of_the_photos_from_every_core():
    threads, steps = set(), []

    def run(one, position):
        threads.add(threading.get_ident())
        time.sleep(0.002 * (position % 3))
        return position

    count = TIMED_PHOTOS + 20
    found, latency = run_photos(opened(3), count, run, lambda *step: steps.append(step))
    assert found == list(range(count))
    assert latency == 1, "of the first model, which runs alone"
    assert threading.get_ident() in threads, "the first photos run on the caller's thread"
    assert len(threads) > 1
    assert steps == [("evaluating", k, count) for k in range(1, count + 1)]


def test_a_model_is_used_by_one_thread_at_a_time():
    busy = set()

    def run(one, position):
        assert id(one[1]) not in busy
        busy.add(id(one[1]))
        time.sleep(0.001)
        busy.remove(id(one[1]))

    run_photos(opened(2), TIMED_PHOTOS + 30, run, no_steps)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_or_ctrl_c_drops_the_photos_that_no_thread_has_begun(error):
    begun = []

    def step(work, done, total):
        if done == TIMED_PHOTOS + 3:
            raise error

    def run(one, position):
        begun.append(position)
        time.sleep(0.002)

    with pytest.raises(error):
        run_photos(opened(2), 2000, run, step)
    assert len(begun) < 200
    assert threading.active_count() < 20


def test_decoded_photos_are_read_once_if_they_fit(tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    for k, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((10, 20, 3), k, np.uint8))
    photos = DecodedPhotos(paths, InputSpec(8, 8), most_bytes=1300)
    frames = [photos[k] for k in range(3)]
    assert [int(frame[0, 0, 0]) for frame, _ in frames] == [0, 1, 2]
    assert [size for _, size in frames] == [(20, 10)] * 3
    assert [photos[k] is frames[k] for k in range(3)] == [True, True, False], "two of 600 bytes fit"

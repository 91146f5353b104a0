"""Serves a live page of a simulated run without a model, and sends plain HTTP requests to it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager

import cv2
import numpy as np

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.sinks.page import Page
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.stages import Timings
from edgetl.device.status import Status
from edgetl.vision.results import Detections

LABELS = ("bolt", "bracket", "gear", "nut", "spring", "washer")


class FakeModel(ResultSelection):
    """A run's result selection, with a method that selects results as a model does."""

    def __init__(self, labels=LABELS, name="parts"):
        super().__init__(ModelCard(name, "detection", tuple(labels), InputSpec(64, 64), DetectorDecoding()))

    def choose(self, rows, size_wh):
        """Returns the detections among rows of (label, score, box) that pass the filter."""
        only = self.filter
        least = 0.25 if only.threshold is None else only.threshold
        chosen = [row for row in rows if row[1] >= least and (only.classes is None or row[0] in only.classes)]
        labels = tuple(row[0] for row in chosen)
        boxes = np.array([row[2] for row in chosen], np.float32).reshape(-1, 4)
        scores = np.array([row[1] for row in chosen], np.float32)
        return Detections(boxes, scores, np.array([self.card.labels.index(x) for x in labels], int), labels, size_wh)


def moving(index, size_wh=(640, 480)):
    """Returns a picture with a moving square, and its rows: a bolt of score 0.9 and a nut of score 0.5."""
    width, height = size_wh
    picture = np.full((height, width, 3), 60, np.uint8)
    left = 20 + index * 7 % (width - 140)
    cv2.rectangle(picture, (left, 100), (left + 100, 200), (40, 200, 240), -1)
    return picture, [("bolt", 0.9, (left, 100, left + 100, 200)), ("nut", 0.5, (left, 250, left + 60, 310))]


class Run:
    """Writes frames into a page from a thread of its own, as a run does, except while `flowing` is cleared."""

    def __init__(self, page, model, status, scene=moving, fps=30.0):
        self.results, self.times, self.costs = [], [], []
        self.flowing = threading.Event()
        self.flowing.set()
        self._ended = threading.Event()
        self._args = page, model, status, scene, fps
        self._thread = threading.Thread(target=self._go)
        self._thread.start()

    def _go(self):
        page, model, status, scene, fps = self._args
        index = 0
        while not self._ended.is_set():
            start = time.monotonic()
            if self.flowing.is_set():
                picture, rows = scene(index)
                status.frame_arrived(start)
                result = model.choose(rows, (picture.shape[1], picture.shape[0]))
                age = (time.monotonic() - start) * 1e3 + 4
                observation = Observation(Frame(picture, start, index), result, Timings(0.4, 3.1, 0.3), age)
                status.observed(observation)
                before = time.monotonic()
                page.write(observation)
                self.costs.append(time.monotonic() - before)
                self.results.append(result)
                self.times.append(time.monotonic())
                index += 1
            self._ended.wait(max(0.0, start + 1 / fps - time.monotonic()))

    def end(self):
        self._ended.set()
        self._thread.join()


@contextmanager
def served_page(endpoint=None, *, stall=1.5, scene=moving, fps=30.0, model=None, running=True):
    """Serves a page of a simulated run; yields (page, model, status, run)."""
    model, status = model or FakeModel(), Status()
    with Page(endpoint or Endpoint(port=0), model, status, stall=stall) as page:
        run = Run(page, model, status, scene, fps) if running else None
        try:
            yield page, model, status, run
        finally:
            if run:
                run.end()


def request(page, path, method="GET", body=None, timeout=10.0, **headers):
    """Sends one request; returns (status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", page.endpoint.port, timeout=timeout)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def post(page, settings, **headers):
    """Posts settings; returns (status, answer)."""
    body = settings if isinstance(settings, bytes) else json.dumps(settings)
    status, _, answer = request(page, "/api/settings", "POST", body, **{"Content_Type": "application/json", **headers})
    return status, json.loads(answer)


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"the condition did not hold within {seconds} s"
        time.sleep(0.01)
    return value

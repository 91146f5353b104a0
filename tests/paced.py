"""How old a result is, measured from outside: a camera that numbers its pictures, and models that take their time."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import contextmanager

import cv2
import numpy as np
from cameras import MjpegCamera

from edgetl.card import InputSpec, ModelCard
from edgetl.device.camera import open_camera
from edgetl.device.inference.model import Model
from edgetl.device.run import loop
from edgetl.device.runtime import Tensor
from edgetl.device.stop import Stop

FPS = 30
BITS = 20
SQUARE = 16
NUMBERED_SIZE = BITS * SQUARE, 240


class NumberedCamera(MjpegCamera):
    """Takes a picture every thirtieth of a second and sends every one, in its order; each shows its number."""

    def __init__(self):
        super().__init__(NUMBERED_SIZE, FPS)

    def stream(self, send):
        begun = int(time.monotonic() * FPS)
        for number in range(begun, begun + (1 << BITS)):
            time.sleep(max(0.0, number / FPS - time.monotonic()))
            send(numbered(number))


def drawn(number):
    """A picture with a number in it: a square for each bit."""
    image = np.zeros((*NUMBERED_SIZE[::-1], 3), np.uint8)
    for bit in range(BITS):
        image[:, bit * SQUARE : (bit + 1) * SQUARE] = 255 * (number >> bit & 1)
    return image


def numbered(number):
    """It as a JPEG."""
    return cv2.imencode(".jpg", drawn(number))[1].tobytes()


def age_of(image):
    """How long ago a picture was taken, s: by its number, not by what any program believes."""
    squares = image[120, SQUARE // 2 :: SQUARE, 0] > 127
    number = int(squares @ (1 << np.arange(BITS)))
    return (time.monotonic() * FPS - number) % (1 << BITS) / FPS  # the numbers begin again every ten hours


class SleepyRuntime:
    """A model that needs a fixed time a frame."""

    def __init__(self, seconds):
        self.input = Tensor("image", (1, 32, 32, 3), "uint8")
        self.outputs = (Tensor("scores", (1, 2), "float32"),)
        self._pixels = np.zeros((32, 32, 3), np.uint8)
        self._scores = np.array([0.25, 0.75], np.float32)
        self._seconds = seconds

    def input_view(self):
        return self._pixels

    def invoke(self):
        time.sleep(self._seconds)

    def output_view(self, index):
        return self._scores

    def close(self):
        pass


def _serve(pipe, kind):
    with kind() as camera:
        pipe.send(camera.address)
        pipe.recv()


def _plain_loop(address, seconds, model_seconds, pipe):
    """The loop that every tutorial has."""
    capture, ages, end = cv2.VideoCapture(address, cv2.CAP_FFMPEG), [], time.monotonic() + seconds
    while time.monotonic() < end:
        _, image = capture.read()
        time.sleep(model_seconds)
        ages.append(age_of(image))
    pipe.send(ages)


@contextmanager
def served(kind=NumberedCamera):
    """A numbered camera in a process of its own; yields its address."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, kind), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


def ages(seconds, model_seconds=0.1):
    """Runs edgetl's loop and the tutorials' loop at the same time; returns the ages of their results, s."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with served() as address:
        args = address, seconds, model_seconds, theirs
        plain = spawn.Process(target=_plain_loop, args=args, daemon=True)
        plain.start()
        model = Model(SleepyRuntime(model_seconds), ModelCard("slow", "classification", ("a", "b"), InputSpec(32, 32)))
        seen, stop, end = [], Stop(), time.monotonic() + seconds

        def note(observation):
            seen.append(age_of(observation.frame.picture()))
            if time.monotonic() > end:
                stop.set()

        with open_camera(address, model.card.input) as camera:
            summary = loop.run(model, camera, on_observation=note, stop=stop)
        theirs_ages = ours.recv()
        plain.join(10)
    return np.array(seen), np.array(theirs_ages), summary

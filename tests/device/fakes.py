"""Stand-ins for cameras and runtimes, drawn pictures, films, and what else the tests of the device share."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import cv2
import numpy as np

from edgetl.card import InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.runtime import Tensor
from edgetl.device.stages import Timings
from edgetl.vision.results import Classification, Detections

CARD = ModelCard("fake", "classification", ("red", "green", "blue"), InputSpec(8, 8))


VARIANTS = {"float32": "float32", "float16": "float16", "static_wi8_ai8": "uint8"}


class ColourRuntime:
    """Says which colour a picture is: the scores are the channels' shares of its light."""

    def __init__(self):
        self.input = Tensor("image", (1, 8, 8, 3), "uint8")
        self.outputs = (Tensor("scores", (1, 3), "float32"),)
        self._pixels = np.zeros((8, 8, 3), np.uint8)
        self._scores = np.zeros(3, np.float32)

    def input_view(self):
        return self._pixels

    def invoke(self):
        light = self._pixels.reshape(-1, 3).sum(axis=0, dtype=np.float32)
        self._scores[:] = light / max(float(light.sum()), 1.0)

    def output_view(self, index):
        return self._scores

    def close(self):
        pass


class FakeCamera:
    """A camera of the given frames, `pause` seconds apart; then it ends, or raises `error`."""

    fps = 30.0
    size = (64, 48)

    def __init__(self, images, *, live=False, pause=0.0, error=None):
        self.live = live
        self.images = images
        self.pause = pause
        self.error = error

    def __iter__(self):
        for index, image in enumerate(self.images):
            time.sleep(self.pause)
            yield Frame(image, time.monotonic(), index)
        if self.error:
            raise self.error

    def shots(self):
        return iter(self)

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def solid(colour, size=(64, 48)):
    """A picture of one colour: 0 is blue, 1 green, 2 red."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[..., colour] = 255
    return image


def scene(seed, size_wh=(640, 480)):
    """A picture of a few parts with edges and some texture on an uneven ground, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    ground = cv2.resize(rng.integers(60, 160, (6, 8, 3), np.uint8), size_wh, interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        r = int(rng.integers(height // 24, height // 5))
        cv2.circle(ground, (x, y), r, rng.integers(0, 256, 3).tolist(), -1)
        cv2.rectangle(ground, (x, y), (x + r, y + r // 2), rng.integers(0, 256, 3).tolist(), 3)
    noise = rng.normal(0, 2, ground.shape)
    return np.clip(ground + noise, 0, 255).astype(np.uint8)


def observed(frame, result, timings=None, age_ms=5.0):
    """An observation as a run makes it."""
    return Observation(frame, result, timings or Timings(0.1, 2.0, 0.1), age_ms)


def classified(label="red", score=0.5):
    """Returns a classifier's result with one class, which has number 0."""
    return Classification(np.array([0]), np.array([score], np.float32), (label,))


def detected(*boxes, size_wh=(64, 48), label="red"):
    """Returns a detector's result with an object of class 0 for each (left, top, right, bottom), px of `size_wh`."""
    count = len(boxes)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(xyxy, np.full(count, 0.5, np.float32), np.zeros(count, int), (label,) * count, size_wh)


def camera_frame(index, at=None, image=None, name=""):
    """Returns a frame of a camera with 25 frames a second, captured `at` s."""
    return Frame(solid(2) if image is None else image, 10.0 + index / 25 if at is None else at, index, name)


def write_film(path: Path, count: int, size=(64, 48), fps=25.0) -> Path:
    """A film that turns from red over green to blue and so on, ten frames each."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    frames = [solid(colour, size) for colour in (2, 1, 0)]
    for index in range(count):
        writer.write(frames[index // 10 % 3])
    writer.release()
    return path


def reseal(bundle: Path, file: str) -> None:
    """Writes a file's new digest into the manifest, as whoever alters a bundle on purpose would."""
    manifest = json.loads((bundle / "bundle.json").read_text())
    digest = hashlib.sha256((bundle / file).read_bytes()).hexdigest()
    for variant in manifest["variants"]:
        for name, key in (("file", "sha256"), ("golden", "golden_sha256")):
            if variant[name] == file:
                variant[key] = digest
    (bundle / "bundle.json").write_text(json.dumps(manifest))


class FakePicamera2:
    """As far as edgetl uses it; its arrays have rows with some padding, of four channels' stride or not."""

    made: list[FakePicamera2]
    cameras: list[dict[str, object]]
    refuses: Exception | None

    def __init__(self, number):
        self.number = number
        self.error = None
        self.did = []
        type(self).made.append(self)

    @classmethod
    def global_camera_info(cls):
        return cls.cameras

    def create_video_configuration(self, *, main, controls):
        return main, controls

    def configure(self, configuration):
        self.configuration = configuration

    def start(self):
        if self.refuses:
            raise self.refuses
        self.did.append("start")

    def capture_arrays(self, names):
        assert names == ["main"]
        taken_ns = time.monotonic_ns()
        time.sleep(0.005)
        if self.error:
            raise self.error
        width, height = self.configuration[0]["size"]
        padded = np.zeros((height, width + 16, 3), np.uint8)
        padded[:] = 10, 20, 30
        return [padded[:, :width]], {"SensorTimestamp": taken_ns, "ExposureTime": 4000}

    def stop(self):
        self.did.append("stop")

    def close(self):
        self.did.append("close")


def drawn_scene(size, steps):
    """A picture with structure of every size, (*size, 3), of blocks with these sides in px."""
    rng, image = np.random.default_rng(0), np.zeros((*size, 3), np.float32)
    for step in steps:
        blocks = rng.integers(0, 256, (size[0] // step, size[1] // step, 3), np.uint8)
        image += cv2.resize(blocks, size[::-1], interpolation=cv2.INTER_NEAREST)
    return (image / len(steps)).astype(np.uint8)


def noisy(image, seed):
    """The picture with a sensor's noise."""
    noise = np.random.default_rng(seed).integers(-4, 5, image.shape, np.int16)
    return np.clip(image + noise, 0, 255).astype(np.uint8)

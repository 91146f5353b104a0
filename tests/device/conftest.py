from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from detectors import build_cells, build_ssd

from edgetl.bundle import GoldenPhoto, Manifest, Variant, write_manifest
from edgetl.card import InputSpec, ModelCard
from edgetl.device.camera import Frame
from edgetl.device.camera.capture import quiet
from edgetl.device.model import Model
from edgetl.device.runtime import Tensor, open_runtime
from edgetl.files import sha256_of

quiet()  # FFmpeg asks only once, and a test may write a film before it reads one

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


@pytest.fixture
def model():
    return Model(ColourRuntime(), CARD)


def write_film(path: Path, count: int, size=(64, 48), fps=25.0) -> Path:
    """A film that turns from red over green to blue and so on, ten frames each."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    frames = [solid(colour, size) for colour in (2, 1, 0)]
    for index in range(count):
        writer.write(frames[index // 10 % 3])
    writer.release()
    return path


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4", 30)


@pytest.fixture(scope="session")
def whole_bundle(tmp_path_factory, tiny_models):
    """A bundle of three variants and four golden photos; copy it before damaging it."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "golden").mkdir()
    card = ModelCard("tiny", "classification", ("red", "green", "blue"), InputSpec(32, 32))
    images = np.random.default_rng(5).integers(0, 256, (4, 32, 32, 3), np.uint8)
    photos = []
    for index, image in enumerate(images):
        name = f"golden/{index}.png"
        cv2.imwrite(str(folder / name), image)
        photos.append(GoldenPhoto(name, sha256_of(folder / name), "red"))
    variants = []
    for recipe, kind in VARIANTS.items():
        file, golden = folder / f"{recipe}.tflite", folder / f"golden/{recipe}.json"
        file.write_bytes(tiny_models[kind])
        with Model(open_runtime("tflite", file, 1), card) as opened:
            golden.write_text(json.dumps([opened.scores(image).tolist() for image in images]))
        files = (file.name, sha256_of(file), file.stat().st_size, f"golden/{golden.name}", sha256_of(golden))
        variants.append(Variant(recipe, "tflite", *files, 1.0, 0.0, "red", 0.0, 1.0, 0.0, 0.1, True))
    write_manifest(folder, Manifest(card, "x86", 1, "float32", tuple(variants), tuple(photos)))
    return folder


@pytest.fixture
def bundle(tmp_path, whole_bundle):
    return shutil.copytree(whole_bundle, tmp_path / "bundle")


def reseal(bundle: Path, file: str) -> None:
    """Writes a file's new digest into the manifest, as whoever alters a bundle on purpose would."""
    manifest = json.loads((bundle / "bundle.json").read_text())
    digest = hashlib.sha256((bundle / file).read_bytes()).hexdigest()
    for variant in manifest["variants"]:
        for name, key in (("file", "sha256"), ("golden", "golden_sha256")):
            if variant[name] == file:
                variant[key] = digest
    (bundle / "bundle.json").write_text(json.dumps(manifest))


@pytest.fixture
def mjpeg():
    """Starts network cameras on this machine: call it with a number of frames (None: endless) for an address."""
    servers = []

    def start(frames=None, fps=100):
        jpeg = cv2.imencode(".jpg", solid(2, (320, 240)))[1].tobytes()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
                self.end_headers()
                sent = 0
                while sent != frames:
                    head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                    try:
                        self.wfile.write(head + jpeg + b"\r\n")
                    except OSError:
                        return
                    sent += 1
                    time.sleep(1 / fps)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def full_disk(tmp_path):
    """Mounts small disks: call it with their size in KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(kib):
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(disk)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small disk can't be mounted here: that takes root")
        return disk

    yield mount
    subprocess.run(["umount", str(disk)], check=False, capture_output=True)


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


@pytest.fixture
def picamera2(monkeypatch):
    """In the place of a Raspberry Pi's picamera2: the class, which knows the cameras that were made."""
    FakePicamera2.made, FakePicamera2.cameras, FakePicamera2.refuses = [], [], None
    module = types.ModuleType("picamera2")
    module.Picamera2 = FakePicamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return FakePicamera2


@pytest.fixture(scope="session")
def cells():
    """A detector's files by the type of their input and outputs; see `detectors.CARD`."""
    pytest.importorskip("tensorflow")
    return {"float32": build_cells(integer=False), "int8": build_cells(integer=True)}


@pytest.fixture(scope="session")
def ssd():
    """A ready-made SSD's file, without labels; its outputs in the order scores, boxes, count, classes."""
    pytest.importorskip("tensorflow")
    return build_ssd((2, 0, 3, 1))

"""Sources that deliver JPEGs: they stay undecoded until needed, and are decoded at the smallest scale that will do."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from cameras import MjpegCamera, RtspCamera, pictures
from fakes import solid, write_film

from edgetl.card import InputSpec
from edgetl.device.camera import open_camera
from edgetl.device.camera import v4l2 as device_module
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.opencv_capture import Capture
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.camera.shot import Jpeg, decode_shot
from edgetl.device.run import loop
from edgetl.errors import CameraError
from edgetl.vision.preprocess import Preprocessor

SPEC = InputSpec(96, 96)
NOTHING = CameraRequest()


@pytest.fixture
def mjpeg_film(tmp_path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (1280, 720))
    for index in range(6):
        writer.write(cv2.GaussianBlur(np.roll(solid(index % 3, (1280, 720)), 7), (0, 0), 2))
    writer.release()
    return path


def test_film_is_decoded_at_the_scale_that_the_model_allows(mjpeg_film):
    with open_camera(str(mjpeg_film), SPEC) as camera:
        frames = list(camera)
    assert len(frames) == 6
    assert frames[0].image.shape == (360, 640, 3)
    assert frames[0].size_wh == (1280, 720)
    assert frames[0].picture().shape == (720, 1280, 3)


@pytest.mark.parametrize(
    ("spec", "wish"),
    [(None, NOTHING), (SPEC, CameraRequest(full=True)), (InputSpec(640, 640), NOTHING)],
)
def test_every_pixel_is_decoded_on_request(mjpeg_film, spec, wish):
    with open_camera(str(mjpeg_film), spec, wish) as camera:
        frame = next(iter(camera))
    assert frame.image.shape == (720, 1280, 3)
    assert (frame.size_wh, frame.jpeg) == (None, None)
    assert frame.picture() is frame.image


@pytest.mark.parametrize("kind", [MjpegCamera, RtspCamera])
def test_a_reduced_picture_gives_the_model_the_same_input(kind):
    """Two ways of averaging differ by less than one level."""
    with kind((1280, 720)) as server, open_camera(server.address, SPEC) as camera:
        frame = next(iter(camera))
    preprocess = Preprocessor(SPEC)
    reduced, full = np.empty((2, 96, 96, 3), np.uint8)
    preprocess(frame.image, reduced)
    preprocess(frame.picture(), full)
    assert frame.image.shape == (360, 640, 3)
    assert np.abs(reduced.astype(int) - full).mean() < 1


def test_a_reduced_photo_still_has_its_full_picture(tmp_path):
    cv2.imwrite(str(tmp_path / "large.jpg"), solid(0, (800, 400)))
    (frame,) = open_camera(str(tmp_path / "large.jpg"), InputSpec(48, 48))
    assert frame.image.shape == (100, 200, 3)
    assert frame.picture().shape == (400, 800, 3)


def test_half_a_jpeg_is_not_whole():
    jpeg = pictures(count=1)[0]
    assert Jpeg(jpeg, 0.0, 0).whole
    assert Jpeg(jpeg + bytes(500), 0.0, 0).whole, "USB cameras pad them"
    assert not Jpeg(jpeg[: len(jpeg) // 2], 0.0, 0).whole
    assert Jpeg(jpeg[: len(jpeg) // 2], 0.0, 0).decode() is None
    assert Jpeg(b"", 0.0, 0).decode() is None


class FakeCapture:
    """A stand-in for OpenCV's V4L2 capture, which delivers JPEGs, or announces them and delivers pictures."""

    def __init__(self, jpegs, *, honest=True):
        self.jpegs = jpegs
        self.honest = honest
        self.values = {cv2.CAP_PROP_FOURCC: 0, cv2.CAP_PROP_CONVERT_RGB: 1}
        self.calls = []
        self.at = -1
        self.released = 0

    def get(self, key):
        return self.values.get(key, 0)

    def set(self, key, value):
        self.calls.append((key, value))
        self.values[key] = value
        return True

    def getBackendName(self):  # noqa: N802 - OpenCV's
        return "V4L2"

    def isOpened(self):  # noqa: N802 - OpenCV's
        return True

    def grab(self):
        self.at += 1
        return self.at < len(self.jpegs)

    def retrieve(self):
        data = np.frombuffer(self.jpegs[self.at], np.uint8)
        if self.honest and not self.values[cv2.CAP_PROP_CONVERT_RGB]:
            return True, data.reshape(1, -1)
        return True, cv2.imdecode(data, cv2.IMREAD_COLOR)

    def release(self):
        self.released += 1


@pytest.fixture
def usb(tmp_path, monkeypatch):
    """Opens a fake V4L2 camera through `open_camera`."""

    def opened(capture, **settings):
        monkeypatch.setattr(device_module, "open_capture", lambda *_: capture)
        return open_camera("/dev/null", SPEC, CameraRequest(**settings))

    return opened


def test_jpegs_are_requested_before_the_size_and_the_size_before_the_frame_rate(usb):
    fake = FakeCapture(pictures((1280, 720), 3))
    with usb(fake, size=(1280, 720), fps=30) as camera:
        frames = iter(camera)
        assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    keys = [key for key, _ in fake.calls]
    size = [cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT]
    assert keys[:4] == [cv2.CAP_PROP_FOURCC, *size, cv2.CAP_PROP_FPS]
    assert fake.values[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert fake.released


def test_the_jpegs_of_a_usb_camera_stay_undecoded_until_they_are_needed(usb):
    with usb(FakeCapture(pictures((1280, 720), 2))) as camera:
        shot = next(camera.shots())
    assert isinstance(shot, Jpeg)
    frame = shot.decode()
    assert frame.image.shape == (360, 640, 3)
    assert frame.picture().shape == (720, 1280, 3)


def test_a_camera_that_announces_jpegs_but_delivers_pictures_is_read(usb):
    fake = FakeCapture(pictures(count=5), honest=False)
    with usb(fake) as camera:
        shots = camera.shots()
        first, second = decode_shot(next(shots)), decode_shot(next(shots))
    assert isinstance(first, Frame)
    assert first.image.shape == (480, 640, 3)
    assert second.index == 1
    assert fake.values[cv2.CAP_PROP_CONVERT_RGB] == 1


def test_a_camera_without_jpegs_is_read():
    fake = FakeCapture(pictures(count=2))
    with Capture(fake, "0", live=True, spec=SPEC) as camera:
        assert next(iter(camera)).image.shape == (480, 640, 3)
    assert not fake.calls


@pytest.mark.parametrize(("clock", "age"), [("ours", 1.0), ("since 1970", 0.0), ("none", 0.0)])
def test_a_frames_age_counts_from_the_drivers_stamp_if_it_is_of_our_clock(usb, clock, age):
    fake = FakeCapture(pictures(count=3))
    began = time.monotonic()
    stamp = {"ours": began - 1, "since 1970": time.time(), "none": 0.0}[clock]
    fake.values[cv2.CAP_PROP_POS_MSEC] = 1000 * stamp
    with usb(fake) as camera:
        captured_at = next(camera.shots()).captured_at
    assert captured_at == pytest.approx(began - age, abs=0.5)


def test_half_a_jpeg_is_skipped_and_counted(usb):
    jpegs = pictures(count=4)
    jpegs[1] = jpegs[1][:2000]
    with usb(FakeCapture(jpegs)) as camera:
        indices = []
        with pytest.raises(CameraError, match="lost after 4 frames"):
            indices.extend(frame.index for frame in camera)
    assert camera.broken == 1


def test_film_is_averaged_down_ahead_of_the_model_and_shown_in_full(tmp_path, model):
    film = write_film(tmp_path / "large.mp4", 12, (640, 480))
    seen, plain = [], []
    with open_camera(str(film)) as camera:
        loop.run(model, camera, on_observation=lambda shown: seen.append((shown.frame, shown.result)))
    with open_camera(str(film)) as camera:
        plain = [(frame, model(frame.image)) for frame in camera]
    for (frame, result), (whole, expected) in zip(seen, plain, strict=True):
        assert frame.image.shape == (30, 40, 3)
        assert frame.size_wh == (640, 480)
        assert np.array_equal(frame.picture(), whole.image)
        assert result.labels == expected.labels
        assert result.score[0] == expected.score[0]

"""A Raspberry Pi's CSI camera, with a stand-in for picamera2."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from edgetl.device.camera import open_camera
from edgetl.device.camera.protocol import CameraRequest
from edgetl.errors import CameraError, UsageError


@pytest.mark.parametrize("scheme", ["picamera", "csi"])
def test_frames_are_bgr_without_the_rows_padding(picamera2, scheme):
    with open_camera(f"{scheme}://0", request=CameraRequest(size=(64, 48), fps=15)) as camera:
        frames = list(islice(camera, 3))
    made = picamera2.made[0]
    assert made.number == 0
    assert made.configuration == ({"size": (64, 48), "format": "RGB888"}, {"FrameRate": 15})
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.flags.c_contiguous
    assert frames[0].image[0, 0].tolist() == [10, 20, 30]
    assert frames[0].image.dtype == np.uint8
    assert (camera.live, camera.fps, camera.size) == (True, 15, (64, 48))
    assert made.did == ["start", "stop", "close"]


def test_age_counts_from_the_sensors_stamp(picamera2):
    with open_camera("picamera://0", request=CameraRequest(size=(64, 48))) as camera:
        for frame in islice(camera, 5):
            assert 0.005 <= time.monotonic() - frame.captured_at < 1


def test_size_and_frame_rate_have_defaults(picamera2):
    with open_camera("picamera://1") as camera:
        assert (camera.size, camera.fps) == ((1280, 720), 30.0)


def test_camera_that_fails_is_lost(picamera2):
    with open_camera("picamera://0", request=CameraRequest(size=(64, 48))) as camera:
        frames = iter(camera)
        next(frames)
        picamera2.made[0].error = RuntimeError("Camera frontend has timed out!")
        with pytest.raises(CameraError, match="frontend has timed out") as caught:
            next(frames)
    assert "ribbon cable" in str(caught.value)


def test_camera_that_cant_be_opened_is_closed(picamera2):
    picamera2.refuses = RuntimeError("Failed to acquire camera")
    with pytest.raises(CameraError, match="Failed to acquire"):
        open_camera("picamera://0")
    assert picamera2.made[0].did == ["close"]


def test_a_missing_picamera2_is_reported_with_the_command_that_installs_it():
    with pytest.raises(CameraError, match="picamera2") as caught:
        open_camera("picamera://0")
    assert "sudo apt install python3-picamera2" in str(caught.value)
    assert "--system-site-packages" in str(caught.value)
    assert caught.value.exit_code == 6


def test_a_csi_source_without_a_number_is_refused(picamera2):
    with pytest.raises(UsageError, match="has a number"):
        open_camera("picamera://front")

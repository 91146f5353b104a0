"""The annotated frames as one film."""

from __future__ import annotations

import os
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from fakes import camera_frame, classified, detected, observed, solid

from edgetl.device.sinks.video import encoders
from edgetl.device.sinks.video.file import VideoFile
from edgetl.errors import EdgetlError, UsageError
from edgetl.install import install_command
from edgetl.locks import BusyError


def read_film(path):
    """Returns the frames of a film and its frames a second."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (pair := capture.read())[0]:
        frames.append(pair[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


def test_a_film_gets_its_name_when_it_is_complete_and_is_annotated(tmp_path):
    path = tmp_path / "new" / "film.mp4"
    source = solid(2, (320, 240))
    with VideoFile(path, fps=25.0) as sink:
        for index in range(10):
            sink.write(observed(camera_frame(index, image=source), classified()))
        assert not path.exists()
    frames, fps = read_film(path)
    assert len(frames) == 10
    assert fps == pytest.approx(25.0)
    assert frames[0].shape == (240, 320, 3)
    assert frames[5][:20].max(axis=2).min() < 100
    assert abs(frames[5][200].astype(int) - source[200]).max() < 20
    assert (source == solid(2, (320, 240))).all(), "a sink leaves the frame to the others as it was"
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_film_is_completed_after_an_error_and_replaces_the_earlier_film(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_text("the earlier film")
    with pytest.raises(KeyboardInterrupt), VideoFile(path, fps=25.0) as sink:  # noqa: PT012
        for index in range(5):
            sink.write(observed(camera_frame(index), classified()))
        assert path.read_text() == "the earlier film"
        raise KeyboardInterrupt
    assert len(read_film(path)[0]) == 5


def test_a_film_without_frames_leaves_no_file(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_text("the earlier film")
    with VideoFile(path):
        pass
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("film.mp4", "the earlier film")]


def test_a_film_of_a_live_camera_plays_in_real_time(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoFile(path, fps=20.0, live=True) as sink:
        for at in (0.0, 0.01, 0.5, 1.0):
            sink.write(observed(camera_frame(0, at=at), classified()))
    assert len(read_film(path)[0]) == 21


def test_photos_of_all_sizes_fit_into_one_film(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoFile(path) as sink:
        for size in ((101, 75), (300, 40), (40, 300), (202, 150), (1, 1)):
            sink.write(observed(camera_frame(0, image=solid(1, size), name="x.png"), classified()))
    frames, fps = read_film(path)
    assert [image.shape for image in frames] == [(76, 102, 3)] * 5
    assert fps == 1.0
    assert frames[2][60, 50].argmax() == 1
    assert frames[2][60, 5].max() < 40


def test_boxes_in_a_film_of_photos_are_where_the_objects_are(tmp_path):
    path = tmp_path / "film.mp4"
    black = np.zeros((240, 320, 3), np.uint8)
    with VideoFile(path) as sink:
        sink.write(
            observed(camera_frame(0, image=black, name="1.png"), detected((80, 60, 240, 180), size_wh=(320, 240)))
        )
        # Half as high as the film: between bars, in px of a source four times as large as what was decoded.
        half = np.zeros((120, 320, 3), np.uint8)
        sink.write(
            observed(camera_frame(1, image=half, name="2.jpg"), detected((320, 120, 960, 360), size_wh=(1280, 480)))
        )
        sink.write(observed(camera_frame(2, image=half, name="3.jpg"), detected(size_wh=(1280, 480))))
    first, second, third = read_film(path)[0]
    for picture, (left, top, right, bottom) in ((first, (80, 60, 240, 180)), (second, (80, 90, 240, 150))):
        rows, columns = np.nonzero(picture[:, 100:].max(axis=2) > 90)  # right of the label
        assert columns.max() + 100 == pytest.approx(right, abs=4)
        assert rows.max() == pytest.approx(bottom, abs=4)
        assert picture[bottom - 20 : bottom - 10, left + 20 : right - 20].max() < 60
        assert (picture[(top + bottom) // 2].max(axis=1) > 90).nonzero()[0].min() == pytest.approx(left, abs=4)
    assert third.max() < 60


@pytest.mark.parametrize("name", ["film.avi", "film", "folder.mp4"])
def test_a_path_that_cant_be_a_film_is_a_usage_error(tmp_path, name):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UsageError, match=r"\.mp4"):
        VideoFile(tmp_path / name)


def test_a_film_in_a_folder_that_cant_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgetlError, match="can't write"), VideoFile(tmp_path / "file" / "film.mp4"):
        pass


def test_a_film_on_a_full_disk_is_completed_with_an_error(full_disk):
    path = full_disk(5000) / "film.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (20, 240, 320, 3), np.uint8)
    with pytest.raises(EdgetlError, match="almost full") as caught, VideoFile(path, fps=25.0) as sink:  # noqa: PT012
        for index in range(2000):
            sink.write(observed(camera_frame(index, image=noise[index % 20]), classified()))
    assert str(path) in str(caught.value)
    assert "free some space" in str(caught.value)
    frames, _ = read_film(path)
    assert len(frames) > 10
    assert f"after {len(frames)} frames" in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_a_film_is_completed_when_another_program_fills_the_disk_at_once(full_disk, codec, monkeypatch):
    if codec == "mpeg4":
        monkeypatch.setattr(encoders, "_pyav_has_h264", lambda: False)
    folder = full_disk(20_000)
    path = folder / "film.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (20, 240, 320, 3), np.uint8)
    with pytest.raises(EdgetlError, match="full") as caught, VideoFile(path, fps=25.0) as sink:  # noqa: PT012
        for index in range(20):
            sink.write(observed(camera_frame(index, image=noise[index]), classified()))
        with (folder / "other").open("wb", buffering=0) as other:
            while other.write(b"\0" * 65536) == 65536:
                pass
        for index in range(20, 2000):
            sink.write(observed(camera_frame(index, image=noise[index % 20]), classified()))
    assert str(path) in str(caught.value)
    assert len(read_film(path)[0]) >= 20
    assert sorted(file.name for file in folder.iterdir()) == ["film.mp4", "other"]


def test_a_film_is_h264_which_browsers_play(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")  # OpenCV would crash at such a name
    with VideoFile(path, fps=29.97) as sink:
        for index in range(60):
            sink.write(observed(camera_frame(index, image=solid(index % 3, (101, 75))), classified()))
    with path.open("rb") as file, av.open(file) as film:
        stream = film.streams.video[0]
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 102, 76)
        assert float(stream.average_rate) == pytest.approx(29.97, rel=1e-3)
        assert len(list(film.decode(video=0))) == 60
    assert b"avc1" in path.read_bytes()
    used = path.stat()
    assert used.st_blocks * 512 < used.st_size + 65536, "the space that was reserved is given back"


def test_without_pyav_a_film_is_saved_with_a_warning_about_players(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(encoders, "_pyav_has_h264", lambda: False)
    with VideoFile(tmp_path / "film.mp4", fps=25.0) as sink:
        for index in range(10):
            sink.write(observed(camera_frame(index), classified()))
    assert len(read_film(tmp_path / "film.mp4")[0]) == 10
    if not encoders._opencv_has_h264():
        assert "VLC" in caplog.text
        assert install_command("video") in caplog.text
    with pytest.raises(EdgetlError, match="UTF-8"), VideoFile(tmp_path / "caf\udce9.mp4") as sink:
        sink.write(observed(camera_frame(0), classified()))


def test_a_film_that_another_run_saves_is_refused(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoFile(path, fps=25.0) as first:
        first.write(observed(camera_frame(0), classified()))
        with pytest.raises(BusyError) as caught:
            VideoFile(path).__enter__()
        first.write(observed(camera_frame(1), classified()))
    assert str(path.name) in str(caught.value)
    assert len(read_film(path)[0]) == 2
    with VideoFile(path, fps=25.0) as later:
        later.write(observed(camera_frame(0), classified()))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_the_files_of_killed_runs_are_removed_by_the_next_run(tmp_path):
    path = tmp_path / "film.mp4"
    script = f"""
import os, numpy as np
from pathlib import Path
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.stages import Timings
from edgetl.vision.results import Classification
with VideoFile(Path({str(path)!r})) as sink:
    nothing = Classification(np.zeros(0, int), np.zeros(0), ())
    sink.write(Observation(Frame(np.zeros((48, 64, 3), np.uint8), 0.0, 0), nothing, Timings(), 0.0))
    os.kill(os.getpid(), 9)
"""
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", script]).returncode == -9
        assert len(list(tmp_path.iterdir())) == 2, "one killed run's temporary film and its lock"
    with VideoFile(path) as sink:
        sink.write(observed(camera_frame(0), classified()))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_of_a_live_camera_has_at_most_thirty_frames_a_second(tmp_path):
    with VideoFile(tmp_path / "film.mp4", fps=120.0, live=True) as sink:
        for index in range(10):
            sink.write(observed(camera_frame(index, at=10 + index / 10), classified()))
    frames, fps = read_film(tmp_path / "film.mp4")
    assert fps == 30
    assert len(frames) == 28


@pytest.mark.parametrize("fps", [29.97, 119.873, 239.734, 959.873])
def test_a_film_of_a_slow_motion_source_can_be_saved(tmp_path, fps):
    path = tmp_path / "film.mp4"
    with VideoFile(path, fps=fps) as sink:
        for index in range(5):
            sink.write(observed(camera_frame(index), classified()))
    frames, saved = read_film(path)
    assert len(frames) == 5
    assert saved == pytest.approx(fps, rel=2e-4)

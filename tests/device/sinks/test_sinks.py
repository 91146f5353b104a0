from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from fakes import observed, solid

from edgetl.device.camera.frame import Frame
from edgetl.device.sinks import RunEnded
from edgetl.device.sinks import window as window_module
from edgetl.device.sinks.console import Console
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.sinks.video import encoders
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.sinks.window import Window
from edgetl.device.stages import Timings
from edgetl.errors import EdgetlError, UsageError
from edgetl.install import install_command
from edgetl.locks import BusyError
from edgetl.vision.results import Classification, Detections


def says(label="red", score=0.5):
    return Classification(np.array([0]), np.array([score], np.float32), (label,))


def finds(*boxes, size_wh=(64, 48), label="red"):
    """Objects of class 0 in (left, top, right, bottom) px of a picture of size_wh."""
    count = len(boxes)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(xyxy, np.full(count, 0.5, np.float32), np.zeros(count, int), (label,) * count, size_wh)


def frame(index, at=None, image=None, name=""):
    return Frame(solid(2) if image is None else image, 10.0 + index / 25 if at is None else at, index, name)


def read(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (pair := capture.read())[0]:
        frames.append(pair[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


def test_jsonl_holds_a_line_a_frame_and_is_readable_at_once(tmp_path):
    path = tmp_path / "new" / "results.jsonl"
    with JsonLines(str(path)) as sink:
        sink.write(observed(frame(0), says("grün"), Timings(0.5, 2.0, 0.25), 4.5))
        first = json.loads(path.read_text(encoding="utf-8"))
        sink.write(observed(frame(3, name="x.png"), says()))
    second = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
    timings = {"preprocess": 0.5, "invoke": 2.0, "decode": 0.25}
    classes = [{"label": "grün", "class_id": 0, "score": 0.5}]
    measured = {"timings_ms": timings, "age_ms": 4.5}
    assert first == {"index": 0, "t": 0.0, **measured, "task": "classification", "classes": classes}
    assert (second["index"], second["t"], second["name"]) == (3, 0.12, "x.png")


def test_jsonl_of_objects(tmp_path):
    with JsonLines(str(tmp_path / "r.jsonl")) as sink:
        sink.write(observed(frame(0), finds((16, 12, 32, 48))))
        sink.write(observed(frame(1), finds()))
    first, second = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    box = {"xyxy": [16, 12, 32, 48], "xyxyn": [0.25, 0.25, 0.5, 1]}
    assert first["task"] == "detection"
    assert first["objects"] == [{"label": "red", "class_id": 0, "score": 0.5} | box]
    assert second["objects"] == []


def test_jsonl_that_another_run_writes_is_refused_and_stays(tmp_path):
    path = tmp_path / "r.jsonl"
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with JsonLines(str(path)) as first:
        first.write(observed(frame(0), says()))
        for name in (path, link):
            with pytest.raises(BusyError, match=re.escape(str(name))):
                JsonLines(str(name)).__enter__()
        first.write(observed(frame(1), says()))
    assert len(path.read_text().splitlines()) == 2
    with JsonLines(str(path)) as later:
        later.write(observed(frame(0), says()))
    assert len(path.read_text().splitlines()) == 1, "an earlier run's file is replaced"
    with JsonLines("/dev/null") as one, JsonLines("/dev/null") as other:
        one.write(observed(frame(0), says()))
        other.write(observed(frame(0), says()))


def test_jsonl_of_names_that_are_not_utf8(tmp_path):
    with JsonLines(str(tmp_path / "r.jsonl")) as sink:
        sink.write(observed(frame(0, name=os.fsdecode(b"caf\xe9.png")), says("\ud800")))
    line = json.loads((tmp_path / "r.jsonl").read_bytes())
    assert line["name"] == r"caf\udce9.png"


def test_jsonl_to_stdout(capfdbinary):
    with JsonLines("-") as sink:
        sink.write(observed(frame(0), says()))
    assert json.loads(capfdbinary.readouterr().out)["index"] == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_jsonl_on_a_full_disk():
    with JsonLines("/dev/full") as sink, pytest.raises(EdgetlError, match="No space left") as caught:
        sink.write(observed(frame(0), says()))
    assert "/dev/full" in str(caught.value)
    assert "free some space" in str(caught.value)


def test_jsonl_keeps_whole_lines_on_a_full_disk(full_disk):
    path = full_disk(16) / "r.jsonl"
    with JsonLines(str(path)) as sink, pytest.raises(EdgetlError, match="No space left"):  # noqa: PT012
        for index in range(1000):
            sink.write(observed(frame(index), says("x" * 100)))
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > 10
    assert all(line.endswith("\n") and json.loads(line) for line in lines)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_full_disk_behind_stdout_or_stderr(tmp_path):
    script = """
import sys
import numpy as np
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks.console import Console
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.stages import Timings
from edgetl.errors import EdgetlError
from edgetl.vision.results import Classification
nothing = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
observation = Observation(Frame(np.zeros((1, 1, 3), np.uint8), 0.0, 0, "a.png"), nothing, Timings(), 0.0)
with Console(sys.stderr) as sink:
    sink.write(observation)
with JsonLines("-") as sink:
    try:
        sink.write(observation)
    except EdgetlError as error:
        sys.exit(7 if error.where == "stdout" and error.remedy else 8)
"""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=full, check=False, timeout=60)
    assert done.returncode == 7


def test_jsonl_that_cant_be_opened(tmp_path):
    with pytest.raises(EdgetlError, match="can't write"), JsonLines(str(tmp_path)):
        pass


def test_closed_pipe_ends_the_run_and_python_well():
    script = """
import numpy as np, sys
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks import RunEnded
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.stages import Timings
from edgetl.vision.results import Classification, Detections
nothing = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
try:
    with JsonLines("-") as sink:
        for index in range(100_000):
            sink.write(Observation(Frame(np.zeros((1, 1, 3), np.uint8), 0.0, index), nothing, Timings(), 0.0))
except RunEnded:
    sys.exit(7)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 7


def test_film_appears_whole_and_annotated(tmp_path):
    path = tmp_path / "new" / "film.mp4"
    source = solid(2, (320, 240))
    with VideoFile(path, fps=25.0) as sink:
        for index in range(10):
            sink.write(observed(frame(index, image=source), says()))
        assert not path.exists()
    frames, fps = read(path)
    assert len(frames) == 10
    assert fps == pytest.approx(25.0)
    assert frames[0].shape == (240, 320, 3)
    assert frames[5][:20].max(axis=2).min() < 100
    assert abs(frames[5][200].astype(int) - source[200]).max() < 20
    assert (source == solid(2, (320, 240))).all(), "a sink leaves the frame to the others as it was"
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_film_survives_an_error_and_takes_the_earlier_ones_place(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_text("the earlier film")
    with pytest.raises(KeyboardInterrupt), VideoFile(path, fps=25.0) as sink:  # noqa: PT012
        for index in range(5):
            sink.write(observed(frame(index), says()))
        assert path.read_text() == "the earlier film"
        raise KeyboardInterrupt
    assert len(read(path)[0]) == 5


def test_film_without_frames_leaves_nothing_behind(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_text("the earlier film")
    with VideoFile(path):
        pass
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("film.mp4", "the earlier film")]


def test_film_of_a_live_camera_keeps_to_the_clock(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoFile(path, fps=20.0, live=True) as sink:
        for at in (0.0, 0.01, 0.5, 1.0):
            sink.write(observed(frame(0, at=at), says()))
    assert len(read(path)[0]) == 21


def test_photos_of_all_sizes_fit_into_one_film(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoFile(path) as sink:
        for size in ((101, 75), (300, 40), (40, 300), (202, 150), (1, 1)):
            sink.write(observed(frame(0, image=solid(1, size), name="x.png"), says()))
    frames, fps = read(path)
    assert [image.shape for image in frames] == [(76, 102, 3)] * 5
    assert fps == 1.0
    assert frames[2][60, 50].argmax() == 1
    assert frames[2][60, 5].max() < 40


def test_boxes_in_a_film_of_photos_are_where_the_objects_are(tmp_path):
    path = tmp_path / "film.mp4"
    black = np.zeros((240, 320, 3), np.uint8)
    with VideoFile(path) as sink:
        sink.write(observed(frame(0, image=black, name="1.png"), finds((80, 60, 240, 180), size_wh=(320, 240))))
        # Half as high as the film: between bars, in px of a source four times as large as what was decoded.
        half = np.zeros((120, 320, 3), np.uint8)
        sink.write(observed(frame(1, image=half, name="2.jpg"), finds((320, 120, 960, 360), size_wh=(1280, 480))))
        sink.write(observed(frame(2, image=half, name="3.jpg"), finds(size_wh=(1280, 480))))
    first, second, third = read(path)[0]
    for picture, (left, top, right, bottom) in ((first, (80, 60, 240, 180)), (second, (80, 90, 240, 150))):
        rows, columns = np.nonzero(picture[:, 100:].max(axis=2) > 90)  # right of the label
        assert columns.max() + 100 == pytest.approx(right, abs=4)
        assert rows.max() == pytest.approx(bottom, abs=4)
        assert picture[bottom - 20 : bottom - 10, left + 20 : right - 20].max() < 60
        assert (picture[(top + bottom) // 2].max(axis=1) > 90).nonzero()[0].min() == pytest.approx(left, abs=4)
    assert third.max() < 60


@pytest.mark.parametrize("name", ["film.avi", "film", "folder.mp4"])
def test_what_cant_be_a_film(tmp_path, name):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UsageError, match=r"\.mp4"):
        VideoFile(tmp_path / name)


def test_film_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgetlError, match="can't write"), VideoFile(tmp_path / "file" / "film.mp4"):
        pass


def test_film_on_a_full_disk_ends_playable_with_an_error(full_disk):
    path = full_disk(5000) / "film.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (20, 240, 320, 3), np.uint8)
    with pytest.raises(EdgetlError, match="almost full") as caught, VideoFile(path, fps=25.0) as sink:  # noqa: PT012
        for index in range(2000):
            sink.write(observed(frame(index, image=noise[index % 20]), says()))
    assert str(path) in str(caught.value)
    assert "free some space" in str(caught.value)
    frames, _ = read(path)
    assert len(frames) > 10
    assert f"after {len(frames)} frames" in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_film_is_kept_when_another_program_fills_the_disk_at_one_stroke(full_disk, codec, monkeypatch):
    if codec == "mpeg4":
        monkeypatch.setattr(encoders, "_pyav_has_h264", lambda: False)
    folder = full_disk(20_000)
    path = folder / "film.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (20, 240, 320, 3), np.uint8)
    with pytest.raises(EdgetlError, match="full") as caught, VideoFile(path, fps=25.0) as sink:  # noqa: PT012
        for index in range(20):
            sink.write(observed(frame(index, image=noise[index]), says()))
        with (folder / "other").open("wb", buffering=0) as other:
            while other.write(b"\0" * 65536) == 65536:
                pass
        for index in range(20, 2000):
            sink.write(observed(frame(index, image=noise[index % 20]), says()))
    assert str(path) in str(caught.value)
    assert len(read(path)[0]) >= 20
    assert sorted(file.name for file in folder.iterdir()) == ["film.mp4", "other"]


def test_film_is_what_browsers_play(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")  # OpenCV would crash at such a name
    with VideoFile(path, fps=29.97) as sink:
        for index in range(60):
            sink.write(observed(frame(index, image=solid(index % 3, (101, 75))), says()))
    with path.open("rb") as file, av.open(file) as film:
        stream = film.streams.video[0]
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 102, 76)
        assert float(stream.average_rate) == pytest.approx(29.97, rel=1e-3)
        assert len(list(film.decode(video=0))) == 60
    assert b"avc1" in path.read_bytes()
    used = path.stat()
    assert used.st_blocks * 512 < used.st_size + 65536, "the space that was reserved is given back"


def test_without_pyav_the_player_is_named(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(encoders, "_pyav_has_h264", lambda: False)
    with VideoFile(tmp_path / "film.mp4", fps=25.0) as sink:
        for index in range(10):
            sink.write(observed(frame(index), says()))
    assert len(read(tmp_path / "film.mp4")[0]) == 10
    if not encoders._opencv_has_h264():
        assert "VLC" in caplog.text
        assert install_command("video") in caplog.text
    with pytest.raises(EdgetlError, match="UTF-8"), VideoFile(tmp_path / "caf\udce9.mp4") as sink:
        sink.write(observed(frame(0), says()))


def test_film_that_another_run_saves_is_refused(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoFile(path, fps=25.0) as first:
        first.write(observed(frame(0), says()))
        with pytest.raises(BusyError) as caught:
            VideoFile(path).__enter__()
        first.write(observed(frame(1), says()))
    assert str(path.name) in str(caught.value)
    assert len(read(path)[0]) == 2
    with VideoFile(path, fps=25.0) as later:
        later.write(observed(frame(0), says()))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_what_killed_runs_left_goes_with_the_next(tmp_path):
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
        sink.write(observed(frame(0), says()))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_console_prints_a_line_a_photo():
    stream = io.StringIO()
    with Console(stream) as sink:
        sink.write(observed(frame(0, name="a.png"), says()))
        sink.write(observed(frame(1, name="b.png"), says()))
    assert stream.getvalue() == "a.png: red 50%\nb.png: red 50%\n"


def test_console_prints_changes_twice_a_second_at_most():
    stream = io.StringIO()
    with Console(stream) as sink:
        for index, label in enumerate(["red"] * 30 + ["blue", "green"] * 20):
            sink.write(observed(frame(index, at=index / 40), says(label)))
    assert stream.getvalue() == "frame 0: red 50%\nframe 30: blue 50%\nframe 51: green 50%\n"


def test_console_tells_of_objects_when_their_counts_change():
    stream, one, two = io.StringIO(), (1, 1, 9, 9), (20, 20, 30, 30)
    with Console(stream) as sink:
        for index in range(40):
            moved = (1 + index % 5, 1, 9 + index % 5, 9)
            sink.write(observed(frame(index, at=index / 40), finds(moved) if index < 30 else finds(one, two)))
        sink.write(observed(frame(41, name="a.png"), finds(one, two)))
        sink.write(observed(frame(42, name="b.png"), finds()))
    lines = ["frame 0: 1 red", "frame 30: 2 red", "a.png: 2 red", "b.png: nothing found"]
    assert stream.getvalue().splitlines() == lines
    stream.truncate(0)
    with Console(stream) as sink:
        for index in range(40):
            sink.write(observed(frame(index, at=index / 40), finds(*[one] * (index % 2))))
    assert stream.getvalue().count("\n") == 2, "twice a second at most, however it flickers"


def test_window_wants_an_opencv_with_windows(monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    with pytest.raises(UsageError, match="headless") as caught, Window():
        pass
    assert install_command("window") in caught.value.remedy
    assert "--save" in str(caught.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are looked for on Linux")
@pytest.mark.parametrize("display", ["", ":98", "localhost:98.0", "nonsense"])
def test_window_wants_a_display(monkeypatch, display):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(UsageError, match="no display"), Window():
        pass


@pytest.mark.parametrize(("key", "visible"), [(ord("q"), 1), (27, 1), (-1, 0)])
def test_window_ends_the_run(monkeypatch, key, visible):
    keys, shown, sizes = iter([-1, key]), [], []
    views = iter([1, visible])
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    monkeypatch.setattr(window_module, "_display_answers", lambda display: True)
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "destroyWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "resizeWindow", lambda title, *size: sizes.append(size))
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda delay: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: next(views))
    source = solid(2)
    with Window() as sink:
        sink.write(observed(frame(0, image=source), says()))
        with pytest.raises(RunEnded):
            sink.write(observed(frame(1, image=source), says()))
    assert len(shown) == 2
    assert sizes == [(64, 48)]
    assert (source == solid(2)).all()


def test_film_of_a_live_camera_has_thirty_frames_a_second_at_most(tmp_path):
    with VideoFile(tmp_path / "film.mp4", fps=120.0, live=True) as sink:
        for index in range(10):
            sink.write(observed(frame(index, at=10 + index / 10), says()))
    frames, fps = read(tmp_path / "film.mp4")
    assert fps == 30
    assert len(frames) == 28


@pytest.mark.parametrize("fps", [29.97, 119.873, 239.734, 959.873])
def test_film_of_a_phones_slow_motion_can_be_saved(tmp_path, fps):
    path = tmp_path / "film.mp4"
    with VideoFile(path, fps=fps) as sink:
        for index in range(5):
            sink.write(observed(frame(index), says()))
    frames, saved = read(path)
    assert len(frames) == 5
    assert saved == pytest.approx(fps, rel=2e-4)

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from fakes import observed

from edgetl.device.camera.frame import Frame
from edgetl.device.sinks.video import rolling_film
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.sinks.video.rolling_film import RollingVideo
from edgetl.errors import UsageError
from edgetl.locks import BusyError
from edgetl.vision.results import Classification

NOTHING = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
NOISE = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3), np.uint8)
RUN = [sys.executable, "-c", "import sys; from edgetl.cli.run import run; run.main(sys.argv[1:])"]


def frame(index, at=None, image=None):
    return Frame(NOISE[index % 8] if image is None else image, 10.0 + index / 25 if at is None else at, index)


def films(folder):
    return sorted(file.name for file in folder.glob("[!.]*.mp4"))


def length(path):
    return int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))


def fill(sink, frames, fps=25.0):
    for index in range(frames):
        sink.write(observed(frame(index, at=10.0 + index / fps), NOTHING))


def test_the_film_comes_in_pieces_named_after_their_time(tmp_path):
    path = tmp_path / "new" / "hall.mp4"
    with RollingVideo(path, every=1.0, fps=25.0) as sink:
        fill(sink, 60)
    pieces = films(path.parent)
    assert all(re.fullmatch(r"hall-\d{8}-\d{6}(-\d+)?\.mp4", name) for name in pieces)
    assert sorted(length(path.parent / name) for name in pieces) == [10, 25, 25]
    assert not path.exists()


def test_no_frame_is_lost_between_two_pieces(tmp_path):
    images = [np.full((48, 64, 3), 4 * index, np.uint8) for index in range(40)]
    with RollingVideo(tmp_path / "a.mp4", every=0.4, fps=25.0, drawing=lambda *_: None) as sink:
        for index, image in enumerate(images):
            sink.write(observed(frame(index, image=image), NOTHING))
    shades = []
    for name in sorted(films(tmp_path), key=lambda name: (tmp_path / name).stat().st_mtime_ns):
        capture = cv2.VideoCapture(str(tmp_path / name))
        while (pair := capture.read())[0]:
            shades.append(pair[1].mean() / 4)
    assert np.round(shades) == pytest.approx(range(40), abs=1.01)


def test_pieces_of_a_live_film_have_equal_length_in_real_time(tmp_path):
    with RollingVideo(tmp_path / "a.mp4", every=2.0, fps=25.0, live=True) as sink:
        fill(sink, 25, fps=5.0)  # five seconds, every fifth frame comes
    assert sorted(length(tmp_path / name) for name in films(tmp_path))[-2:] == pytest.approx([51, 51], abs=5)


def test_a_live_camera_that_was_lost_begins_a_new_piece(tmp_path):
    with RollingVideo(tmp_path / "a.mp4", fps=25.0, live=True) as sink:
        for index in range(10):
            sink.write(observed(frame(index), NOTHING))
        for index in range(10):
            sink.write(observed(frame(index, at=4000.0 + index / 25), NOTHING))
    assert sorted(length(tmp_path / name) for name in films(tmp_path)) == pytest.approx([10, 10], abs=1)


def test_a_single_film_repeats_a_picture_for_ten_seconds_at_most(tmp_path):
    with VideoFile(tmp_path / "a.mp4", fps=25.0, live=True) as sink:
        for at in (0.0, 0.04, 3600.0, 3600.04):
            sink.write(observed(frame(0, at=at), NOTHING))
    assert length(tmp_path / "a.mp4") == pytest.approx(250, abs=5)


def test_the_oldest_pieces_are_deleted_above_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(rolling_film, "_MIN_FREE", 0)
    monkeypatch.setattr(rolling_film, "MIN_BYTES", 1000)
    other = tmp_path / "hall-20200101-000000.mp4"
    other.write_bytes(b"someone else's" * 100_000)
    most, largest = 1_500_000, 0
    with RollingVideo(tmp_path / "hall.mp4", every=0.4, most=most, fps=25.0) as sink:
        for index in range(200):
            sink.write(observed(frame(index), NOTHING))
            ours = [file for file in tmp_path.iterdir() if file != other]
            largest = max(largest, sum(file.stat().st_size for file in ours))
    assert other.exists(), "its name fits, but it was not made here"
    assert most * 0.6 < largest < most * 1.3
    left = [name for name in films(tmp_path) if name != other.name]
    assert sum((tmp_path / name).stat().st_size for name in left) <= most * 1.3
    assert 2 <= len(left) < 20
    assert all(length(tmp_path / name) for name in left)


def test_the_limit_counts_pieces_of_earlier_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(rolling_film, "_MIN_FREE", 0)
    monkeypatch.setattr(rolling_film, "MIN_BYTES", 1000)
    for _ in range(4):
        with RollingVideo(tmp_path / "hall.mp4", every=0.4, most=1_500_000, fps=25.0) as sink:
            fill(sink, 50)
    assert sum((tmp_path / name).stat().st_size for name in films(tmp_path)) < 2_000_000
    assert sorted((tmp_path / ".hall.films").read_text().splitlines()) == films(tmp_path)


def test_the_limit_holds_for_names_that_are_not_utf8(tmp_path, monkeypatch):
    monkeypatch.setattr(rolling_film, "_MIN_FREE", 0)
    monkeypatch.setattr(rolling_film, "MIN_BYTES", 1000)
    for _ in range(2):
        with RollingVideo(tmp_path / "caf\udce9.mp4", every=0.4, most=600_000, fps=25.0) as sink:
            fill(sink, 30)
    assert sum((tmp_path / name).stat().st_size for name in films(tmp_path)) < 800_000


def test_a_manipulated_list_does_not_delete_other_files(tmp_path, monkeypatch):
    monkeypatch.setattr(rolling_film, "_MIN_FREE", 1 << 62)  # every disk is short
    outside = tmp_path / "outside-20200101-000000.mp4"
    outside.write_text("mine")
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / ".a.films").write_text(f"../{outside.name}\n{outside}\nnotes.txt\n..\n\n\0\n")
    with RollingVideo(folder / "a.mp4", most=20_000_000, fps=25.0) as sink:
        fill(sink, 5)
    assert outside.read_text() == (folder / "notes.txt").read_text() == "mine"


def test_a_full_disk_deletes_old_pieces_only_if_there_is_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(rolling_film, "_MIN_FREE", 1 << 62)
    with RollingVideo(tmp_path / "kept.mp4", every=0.4, fps=25.0) as sink:
        fill(sink, 45)
    assert len(films(tmp_path)) == 5
    with RollingVideo(tmp_path / "old.mp4", every=0.4, most=1 << 40, fps=25.0) as sink:
        fill(sink, 45)
    assert len([name for name in films(tmp_path) if name.startswith("old")]) == 1
    assert len([name for name in films(tmp_path) if name.startswith("kept")]) == 5


def test_the_files_of_a_killed_run_are_removed_by_the_next_run(tmp_path):
    script = f"""
import numpy as np
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks.video.rolling_film import RollingVideo
from edgetl.device.stages import Timings
from edgetl.vision.results import Classification
nothing = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
with RollingVideo(__import__("pathlib").Path({str(tmp_path / "a.mp4")!r}), every=0.4, fps=25.0) as sink:
    for index in range(15):
        sink.write(Observation(Frame(np.zeros((48, 64, 3), np.uint8), index / 25, index), nothing, Timings(), 0.0))
    __import__("os").kill(__import__("os").getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert len(films(tmp_path)) == 1
    assert len(list(tmp_path.glob(".a-*.mp4"))) == 1
    (tmp_path / ".a-20200101-000000.abcdefgh.mp4").write_text("not in the list")
    with RollingVideo(tmp_path / "a.mp4", fps=25.0) as sink:
        fill(sink, 5)
    assert len(films(tmp_path)) == 2
    assert [file.name for file in tmp_path.glob(".a-*.mp4")] == [".a-20200101-000000.abcdefgh.mp4"]


def test_a_second_run_under_the_same_name_is_refused(tmp_path):
    first = RollingVideo(tmp_path / "a.mp4", fps=25.0)
    with first:
        fill(first, 5)
        with pytest.raises(BusyError) as caught:
            RollingVideo(tmp_path / "a.mp4", fps=25.0).__enter__()
        assert "--save" in caught.value.remedy
        with RollingVideo(tmp_path / "b.mp4", fps=25.0) as other:
            fill(other, 5)
        fill(first, 5)
    assert sorted(length(tmp_path / name) for name in films(tmp_path)) == [5, 10]
    with first:  # as after a failure
        fill(first, 5)
    with RollingVideo(tmp_path / "a.mp4", fps=25.0) as later:
        fill(later, 5)
    assert len(films(tmp_path)) == 4


def test_a_film_is_saved_to_a_drive_without_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with RollingVideo(tmp_path / "a.mp4", fps=25.0) as sink:
        fill(sink, 5)
    assert len(films(tmp_path)) == 1


def test_the_sinks_can_be_imported_without_fcntl():
    script = "import sys; sys.modules['fcntl'] = None; import edgetl.device.run.outputs"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_wrong_suffix_and_a_small_limit_are_usage_errors(tmp_path):
    with pytest.raises(UsageError, match=r"\.mp4"):
        RollingVideo(tmp_path / "a.avi")
    with pytest.raises(UsageError, match="hold no films") as caught:
        RollingVideo(tmp_path / "a.mp4", most=5000)
    assert "10MB or more" in str(caught.value)


def test_a_film_in_a_folder_plays_after_sigterm(bundle, tmp_path, mjpeg):
    folder = tmp_path / "films"
    command = [*RUN, str(bundle), "--source", mjpeg(), "--save", f"{folder}/", "--save-every", "1s", "--quiet"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 40
    while len(films(folder)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=40)[1].decode()
    assert process.returncode == 0, err
    pieces = films(folder)
    assert len(pieces) >= 2
    assert all(re.fullmatch(r"film-\d{8}-\d{6}(-\d+)?\.mp4", name) for name in pieces)
    assert all(length(folder / name) for name in pieces)
    assert sorted(os.listdir(folder)) == [".film.films", *pieces]  # noqa: PTH208
    shutil.rmtree(folder)

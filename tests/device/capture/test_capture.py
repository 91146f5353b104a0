"""Class folders are filled with photos from any source, by time, key or button, and nothing is overwritten."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import scene, write_film
from homes import draw_folders, edgetl, refused

import edgetl as library
from edgetl.device.capture.class_folder import add_photo
from edgetl.device.capture.requests import Requests
from edgetl.device.capture.terminal_keys import TerminalKeys
from edgetl.device.stop import Stop
from edgetl.errors import EdgetlError, UsageError

NOW = datetime(2026, 11, 28, 18, 30, 0, 123456, tzinfo=UTC)


def wait_until(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return value


def photos(folder):
    return sorted(Path(folder).glob("*.jpg"))


def test_photos_of_a_folder_become_photos_of_a_class(tmp_path):
    source = draw_folders(tmp_path / "given", 6) / "disc"
    done = edgetl("capture", "--label", "screws", "--into", tmp_path / "photos", "--source", source, "--count", "4")
    assert done.code == 0, done.err
    taken = photos(tmp_path / "photos" / "screws")
    assert len(taken) == 4
    assert all(re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z(-\d+)?\.jpg", path.name) for path in taken)
    assert all(cv2.imread(str(path)).shape == (120, 160, 3) for path in taken)
    assert "4 photos taken into" in done.err
    again = edgetl("capture", "--label", "screws", "--into", tmp_path / "photos", "--source", source, "--quiet")
    assert again.code == 0
    assert len(photos(tmp_path / "photos" / "screws")) == 10
    assert "4 like an earlier photo" in again.err
    assert "warning" not in again.err


def test_poor_photos_are_left_out_on_demand(tmp_path):
    source = tmp_path / "given"
    source.mkdir()
    for seed in range(6):
        cv2.imwrite(str(source / f"{seed}.png"), scene(seed))
    settings = library.CaptureSettings(label="screws", into=tmp_path, source=str(source), skip_poor=True)
    assert library.capture(settings).taken == 6
    again = library.capture(settings)
    assert (again.taken, again.skipped) == (0, 6)
    assert len(photos(tmp_path / "screws")) == 6


@pytest.mark.parametrize(("every", "expected"), [(None, 4), (0.5, 8), (2, 2)])
def test_of_a_film_its_own_time_counts(tmp_path, every, expected):
    film = write_film(tmp_path / "film.mp4", 100, (320, 240))
    settings = library.CaptureSettings(label="a", into=tmp_path / "photos", source=str(film), every=every)
    began = time.monotonic()
    assert library.capture(settings).taken == expected
    assert time.monotonic() - began < 20


def test_no_photo_replaces_another(tmp_path):
    names = [add_photo(tmp_path, f"{n}".encode(), NOW).name for n in range(3)]
    assert names == [f"20261128T183000.123Z{end}.jpg" for end in ("", "-2", "-3")]
    assert [path.read_bytes() for path in (tmp_path / name for name in names)] == [b"0", b"1", b"2"]
    assert len(list(tmp_path.iterdir())) == 3, "no temporary file is left"


def test_no_photo_replaces_another_on_a_card_without_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_no_photo_replaces_another(tmp_path)


def test_a_full_disk_ends_the_capture_with_an_error_and_no_half_photo(tmp_path, full_disk):
    source = draw_folders(tmp_path / "given", 30) / "disc"
    disk = full_disk(96)
    with pytest.raises(EdgetlError, match="No space"):
        library.capture(library.CaptureSettings(label="a", into=disk, source=str(source)))
    taken = photos(disk / "a")
    assert taken
    assert all(cv2.imread(str(path)) is not None for path in taken)
    assert sorted(path.suffix for path in (disk / "a").iterdir()) == [".jpg"] * len(taken)


def test_a_camera_is_photographed_by_time(tmp_path, mjpeg):
    settings = library.CaptureSettings(label="a", into=tmp_path, source=mjpeg(), every=0.2, count=3)
    began = time.monotonic()
    result = library.capture(settings)
    assert time.monotonic() - began > 0.5
    assert (result.taken, result.even) == (3, 3)
    assert "see whether the lens is covered" in str(result)


def test_a_camera_that_nothing_would_photograph_is_refused(tmp_path, mjpeg):
    refused(edgetl("capture", "--label", "a", "--into", tmp_path, "--source", mjpeg()), 2, "nothing would ever")


@pytest.mark.parametrize("label", ["", " ", "a/b", "..", ".hidden", "a\x1bb", "CON", "x" * 300, "a:b"])
def test_a_label_that_can_be_no_folder_is_refused(tmp_path, label):
    refused(edgetl("capture", "--label", label, "--into", tmp_path / "photos"), 2, "--label")
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize("change", [{"every": -1.0}, {"count": 0}, {"tls_key": "key.pem"}, {"label": 7}])
def test_options_that_make_no_sense_are_refused(tmp_path, change):
    with pytest.raises(UsageError):
        library.CaptureSettings(**{"label": "a", "into": tmp_path} | change)


class Log:
    """Receives the messages of a capture."""

    def __init__(self):
        self.lines = []

    def message(self, text):
        self.lines.append(text)

    def advance(self, work, done, total, note=""):
        pass


def test_a_button_on_the_live_page_takes_a_photo(tmp_path, mjpeg):
    pytest.importorskip("uvicorn")
    log, stop, results = Log(), Stop(), []
    settings = library.CaptureSettings(label="grün", into=tmp_path, source=mjpeg(), serve="0")
    thread = threading.Thread(
        target=lambda: results.append(library.capture(settings, progress=log, stop=stop)), daemon=True
    )
    thread.start()
    address = wait_until(lambda: next((line.split()[-1] for line in log.lines if "live page" in line), ""))
    try:
        answer = press(f"{address}api/photo")
        assert answer.status == 202
        assert b"gr" in answer.read()
        wait_until(lambda: len(photos(tmp_path / "grün")) == 1)
        wait_until(lambda: b'"taken": 1' in press(f"{address}api/photo").read())
        with pytest.raises(urllib.error.HTTPError, match="403"):
            press(f"{address}api/photo", origin="http://elsewhere.example")
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(f"{address}api/photo", timeout=10)
    finally:
        stop.set()
        thread.join(20)
    assert results[0].taken >= 1


def press(address, **headers):
    request = urllib.request.Request(address, method="POST", headers=headers)
    return urllib.request.urlopen(request, timeout=10)


def test_keys_in_the_terminal_take_photos_and_end_the_capture(monkeypatch):
    main, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    stop = Stop()
    requests = Requests(stop)
    with os.fdopen(terminal, "rb", buffering=0) as stdin, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", stdin)
        with TerminalKeys(requests.press):
            os.write(main, b"x")
            os.write(main, b" ")
            wait_until(requests.is_wanted)
            os.write(main, "é\n".encode())
            wait_until(requests.is_wanted)
            assert not requests.is_wanted()
            assert not stop.is_set()
            os.write(main, b"q")
            wait_until(stop.is_set)
        assert termios.tcgetattr(stdin.fileno()) == before
    os.close(main)


def test_keys_in_the_window_take_photos(monkeypatch, tmp_path, mjpeg):
    from edgetl.device.sinks import window as module

    keys = iter([255, ord(" "), 255, ord("z"), 13, 255, ord("q")])
    monkeypatch.setattr(module.Window, "__enter__", lambda self: self)
    monkeypatch.setattr(module.Window, "__exit__", lambda self, *_: None)
    for name in ("imshow", "resizeWindow"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "waitKey", lambda _: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1)
    settings = library.CaptureSettings(label="a", into=tmp_path, source=mjpeg(), show=True)
    assert library.capture(settings).taken == 2


def test_ctrl_c_ends_a_capture_with_a_summary(tmp_path, mjpeg):
    command = [
        sys.executable,
        "-c",
        "from edgetl.cli import main; main()",
        "capture",
        "--label",
        "a",
        "--every",
        "50ms",
    ]
    command += ["--into", str(tmp_path), "--source", mjpeg()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    wait_until(lambda: len(photos(tmp_path / "a")) > 2 or process.poll() is not None, 60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    taken = photos(tmp_path / "a")
    assert f"{len(taken)} photos taken into" in err
    assert all(cv2.imread(str(path)) is not None for path in taken)
    assert len(list((tmp_path / "a").iterdir())) == len(taken)


def test_a_camera_that_is_not_there_ends_with_its_own_code(tmp_path):
    done = edgetl("capture", "--label", "a", "--into", tmp_path, "--source", "/dev/video99", "--every", "1s")
    refused(done, 6)
    assert not (tmp_path / "a").exists()


def test_the_picture_shows_how_many_photos_were_taken(tmp_path):
    from edgetl.device.capture.photographer import Photographer
    from edgetl.device.capture.views import Views

    settings = library.CaptureSettings(label="a", into=tmp_path)
    photographer = Photographer(settings, Requests(Stop()), live=True, fps=None, say=print)
    picture = np.full((240, 320, 3), 128, np.uint8)
    Views(settings, photographer, Requests(Stop()))._draw(picture, None)
    assert (picture != 128).any()
    assert (picture[60:] == 128).all()

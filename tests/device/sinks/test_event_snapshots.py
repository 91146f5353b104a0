from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import datetime

import cv2
import numpy as np
import pytest
from fakes import observed, solid

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.sinks import event_snapshots, sink_retry
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.event_snapshots import EventFrames, Snapshots
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
from edgetl.vision.results import Detections


def finds(*boxes, size_wh=(320, 240)):
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(xyxy)
    return Detections(xyxy, np.full(count, 0.9, np.float32), np.zeros(count, int), ("bolt",) * count, size_wh)


def frame(index, image=None, jpeg=None):
    return Frame(solid(1, (320, 240)) if image is None else image, 10.0 + index, index, jpeg=jpeg)


def event(index=0, kind="entered", **facts):
    return Event(kind, 10.0, f"bolt 3 {kind}", index, facts)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_an_event_has_an_annotated_picture_a_clean_picture_and_json(tmp_path):
    folder = tmp_path / "new" / "events"
    source = solid(1, (320, 240))
    with Snapshots(folder) as sink:
        sink.write(observed(frame(7, source), finds((100, 100, 200, 200))))
        sink.notify(event(7, zone="bin", track=3))
    clean, drawn, document_file = names(folder)
    stem = document_file.removesuffix(".json")
    assert (clean, drawn) == (f"{stem}.clean.jpg", f"{stem}.jpg")
    assert re.fullmatch(r"\d{8}-\d{6}-\d{6}-entered", stem)
    document = json.loads((folder / document_file).read_text())
    assert abs(datetime.fromisoformat(document["time"]).timestamp() - datetime.now().timestamp()) < 60
    assert document["event"] == "entered"
    assert (document["index"], document["zone"], document["track"]) == (7, "bin", 3)
    assert document["objects"][0]["xyxy"] == [100, 100, 200, 200]
    assert np.abs(cv2.imread(str(folder / clean)).astype(int) - source).max() < 8
    assert np.abs(cv2.imread(str(folder / drawn)).astype(int) - source).max() > 100
    assert (source == solid(1, (320, 240))).all(), "other sinks see it too"


def test_the_clean_picture_is_the_jpeg_file_of_the_camera_if_it_delivers_one(tmp_path):
    jpeg = cv2.imencode(".jpg", solid(2, (640, 480)))[1].tobytes()
    small = Frame(solid(2, (160, 120)), 10.0, 0, size_wh=(640, 480), jpeg=jpeg)
    with Snapshots(tmp_path) as sink:
        sink.write(observed(small, finds((300, 200, 400, 300), size_wh=(640, 480))))
        sink.notify(event())
    assert next(tmp_path.glob("*.clean.jpg")).read_bytes() == jpeg
    seen = next(file for file in tmp_path.glob("*.jpg") if "clean" not in file.name)
    assert cv2.imread(str(seen)).shape == (480, 640, 3)


def test_an_event_without_a_frame_has_only_the_json_file(tmp_path):
    with Snapshots(tmp_path) as sink:
        sink.write(observed(frame(3), finds()))
        sink.notify(Event("camera_lost", 10.0, "the camera is lost"))
    (name,) = names(tmp_path)
    document = json.loads((tmp_path / name).read_text())
    assert (document["event"], document["text"]) == ("camera_lost", "the camera is lost")
    assert "index" not in document


def test_only_the_oldest_events_are_deleted(tmp_path):
    others = ["holiday.jpg", "20260101-101010-000000-entered.txt", "notes.json", "20260101-1010-entered.json"]
    for name in others:
        (tmp_path / name).write_text("mine")
    with Snapshots(tmp_path, most=3) as sink:
        for index in range(5):
            sink.write(observed(frame(index), finds()))
            sink.notify(event(index))
    indices = [json.loads(file.read_text())["index"] for file in sorted(tmp_path.glob("*-entered.json"))[1:]]
    assert indices == [2, 3, 4]
    assert len(names(tmp_path)) == 3 * 3 + len(others)
    assert all((tmp_path / name).read_text() == "mine" for name in others)


def test_the_limit_counts_events_of_earlier_runs(tmp_path):
    for run in range(3):
        with Snapshots(tmp_path, most=4) as sink:
            for index in range(2):
                sink.write(observed(frame(10 * run + index), finds()))
                sink.notify(event(10 * run + index))
    indices = [json.loads(file.read_text())["index"] for file in sorted(tmp_path.glob("*.json"))]
    assert indices == [10, 11, 20, 21]


def test_an_incomplete_event_of_a_killed_run_counts_as_an_event(tmp_path):
    (tmp_path / "20200101-000000-000000-entered.clean.jpg").write_bytes(b"half an event")
    with Snapshots(tmp_path, most=2) as sink:
        for index in range(2):
            sink.write(observed(frame(index), finds()))
            sink.notify(event(index))
    assert len(names(tmp_path)) == 6
    assert not list(tmp_path.glob("2020*"))


def test_pictures_are_encoded_once_for_two_events_of_a_frame(tmp_path, monkeypatch):
    calls = []
    encode = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", lambda *args: (calls.append(args), encode(*args))[1])
    with Snapshots(tmp_path) as sink:
        sink.write(observed(frame(0), finds()))
        sink.notify(event(0))
        sink.notify(event(0, kind="crossed"))
    assert len(calls) == 2
    assert len(names(tmp_path)) == 6


def test_an_event_of_another_frame_gets_no_pictures(tmp_path):
    with Snapshots(tmp_path) as sink:
        sink.write(observed(frame(0), finds()))
        sink.notify(event(5))
    assert [name.rpartition(".")[2] for name in names(tmp_path)] == ["json"]


def test_a_sink_gets_only_frames_that_show_an_event():
    class Keep:
        def __init__(self):
            self.got = []

        def write(self, observation):
            self.got.append(observation.frame.index)

        def notify(self, event):
            self.got.append(event.kind)

    keep = Keep()
    sink = EventFrames(keep)
    for index in range(5):
        sink.write(observed(frame(index), finds()))
        if index == 2:
            sink.notify(event(2))
            sink.notify(event(2, kind="crossed"))
    sink.notify(Event("camera_lost", 10.0, "lost"))
    assert keep.got == [2, "entered", "crossed", "camera_lost"]


def test_each_event_of_a_fast_camera_gets_the_picture_of_its_frame(tmp_path):
    status = Status()
    background = Background(Snapshots(tmp_path), "events", 16, lossless=False, status=status, reopens=True)
    with EventFrames(background) as sink:
        for index in range(200):
            image = np.full((240, 320, 3), index, np.uint8)
            sink.write(observed(frame(index, image), finds()))
            if index % 20 == 0:
                sink.notify(event(index))
    shown = {
        json.loads(file.read_text())["index"]: cv2.imread(str(file.with_suffix(".clean.jpg"))).mean()
        for file in tmp_path.glob("*.json")
    }
    assert shown == {index: pytest.approx(index, abs=2) for index in range(0, 200, 20)}
    assert status.figures().sink_drops == {}


def test_an_event_that_is_delivered_again_after_a_failure_has_its_pictures(tmp_path, monkeypatch):
    tries, write = [], event_snapshots.write_atomic

    def full_at_first(path, data):
        tries.append(path)
        if len(tries) == 1:
            raise EdgetlError("the disk is full")
        write(path, data)

    monkeypatch.setattr(event_snapshots, "write_atomic", full_at_first)
    monkeypatch.setattr(sink_retry, "_PAUSES", (0.01, 0.05))
    status = Status()
    background = Background(Snapshots(tmp_path), "events", 16, lossless=False, status=status, reopens=True)
    with EventFrames(background) as sink:
        sink.write(observed(frame(7), finds((100, 100, 200, 200))))
        sink.notify(event(7))
        deadline = time.monotonic() + 10
        while len(tries) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [event.kind for event in status.take_events()] == ["sink_failed", "sink_back"]
    clean, drawn, document_file = names(tmp_path)
    assert (clean, drawn) == (document_file.replace(".json", ".clean.jpg"), document_file.replace(".json", ".jpg"))
    assert len(json.loads((tmp_path / document_file).read_text())["objects"]) == 1


def test_a_folder_that_cant_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgetlError, match="can't write"), Snapshots(tmp_path / "file" / "events"):
        pass


def test_a_full_disk_leaves_only_complete_events(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here: that takes root")
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    try:
        with Snapshots(disk) as sink, pytest.raises(EdgetlError, match="No space left"):  # noqa: PT012
            for index in range(20):
                sink.write(observed(frame(index, noise), finds()))
                sink.notify(event(index))
        for file in disk.glob("*.json"):
            assert json.loads(file.read_text())["event"] == "entered"
            assert cv2.imread(str(file.with_suffix(".jpg"))) is not None
        assert not [name for name in names(disk) if name.startswith(".")]
        assert len(names(disk)) == 3 * len(list(disk.glob("*.json"))), "nothing is left of the one that failed"
    finally:
        subprocess.run(["umount", str(disk)], check=False)

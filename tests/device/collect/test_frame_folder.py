"""Collected frames on the disk: whole pairs, no near duplicates, the least worth deleted when the space is full."""

from __future__ import annotations

import json
import re
from datetime import datetime

import cv2
import numpy as np
import pytest
from fakes import CARD, classified

from edgetl.device.camera.frame import Frame
from edgetl.device.collect.budget import BURST, Budget
from edgetl.device.collect.candidate import Candidate
from edgetl.device.collect.frame_folder import FrameFolder, RunningModel
from edgetl.device.collect.kept_frames import time_of
from edgetl.device.stages import Timings
from edgetl.device.status import Status
from edgetl.host.dataset.duplicates import near_groups
from edgetl.host.dataset.photos import read_records
from edgetl.locks import BusyError

MODEL = RunningModel("parts", "ab" * 32, "float32", CARD.labels)
NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}\.(jpg|json)")
KEYS = ["schema", "time", "reason", "score", "model", "variant", "labels", "result", "size"]


def scene(seed):
    blocks = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return cv2.resize(blocks, (320, 240), interpolation=cv2.INTER_CUBIC)


def chosen(image, informative=0.8, reason="uncertain", at=0.0, jpeg=None, size_wh=None):
    frame = Frame(image, 100.0 + at, 3, size_wh=size_wh, jpeg=jpeg)
    return Candidate(frame, classified(), Timings(), 5.0, reason=reason, informative=informative, at=at, start=100.0)


def opened(folder, most=10**8):
    return FrameFolder(folder, most, MODEL, Budget(), Status())


def frames(folder):
    return sorted(folder.glob("*.json"))


def test_a_frame_is_a_clean_picture_and_the_json_that_describes_it(tmp_path):
    folder, image = tmp_path / "new" / "collected", scene(0)
    with opened(folder) as sink:
        sink.write(chosen(image, at=2.5))
    (note,) = frames(folder)
    assert sorted(file.name for file in folder.iterdir()) == [f"{note.stem}.jpg", note.name]
    assert NAME.fullmatch(note.name)
    document = json.loads(note.read_text())
    assert list(document) == KEYS
    assert (document["schema"], document["reason"], document["score"]) == (1, "uncertain", 0.8)
    assert document["model"] == {"name": "parts", "digest": "ab" * 32}
    assert (document["variant"], document["labels"]) == ("float32", list(CARD.labels))
    assert document["result"]["classes"] == [{"label": "red", "class_id": 0, "score": 0.5}]
    assert (document["result"]["index"], document["result"]["t"]) == (3, 2.5)
    assert document["size"] == [320, 240]
    time = datetime.fromisoformat(document["time"])
    assert abs(time.timestamp() - time_of(note.stem)) < 0.002
    assert np.abs(cv2.imread(str(note.with_suffix(".jpg"))).astype(int) - image).mean() < 3


def test_the_picture_is_the_cameras_own_jpeg_if_it_delivers_one(tmp_path):
    jpeg = cv2.imencode(".jpg", cv2.resize(scene(0), (1280, 960)))[1].tobytes()
    with opened(tmp_path) as sink:
        sink.write(chosen(scene(0), jpeg=jpeg, size_wh=(1280, 960)))
        sink.write(chosen(scene(1), jpeg=jpeg[:50], size_wh=(1280, 960)))  # damaged
    (note,) = frames(tmp_path)
    assert note.with_suffix(".jpg").read_bytes() == jpeg
    assert json.loads(note.read_text())["size"] == [1280, 960]


def test_near_duplicates_and_pictures_of_nothing_are_dropped_in_later_runs_too(tmp_path):
    for _ in range(2):
        with opened(tmp_path) as sink:
            for seed in range(3):
                sink.write(chosen(scene(seed)))
                sink.write(chosen(scene(seed) // 2))
                sink.write(chosen(np.random.default_rng(seed).integers(0, 9, (240, 320, 3), np.uint8)))
                sink.write(chosen(scene(seed), reason="random"))
    assert len(frames(tmp_path)) == 3


def test_no_more_frames_are_kept_than_the_budget_allows(tmp_path):
    with opened(tmp_path) as sink:
        for seed in range(BURST + 10):
            sink.write(chosen(scene(seed), at=seed / 100))
        sink.write(chosen(scene(1000), reason="random"))
    records = read_records(tmp_path, sorted(tmp_path.glob("*.jpg")))
    assert len(records) == BURST + 1
    assert near_groups(records) == []


def test_a_full_folder_keeps_the_most_informative(tmp_path):
    with opened(tmp_path, 150_000) as sink:
        for seed, informative in enumerate([0.6, 0.9, 0.7, 0.95, 0.5, 0.8, 0.99, 0.55] * 3):
            sink.write(chosen(scene(seed), informative + seed / 1e4))
    kept = [json.loads(file.read_text())["score"] for file in frames(tmp_path)]
    assert 2 < len(kept) < 12
    assert min(kept) > 0.8
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 150_000


def test_another_run_may_not_collect_into_the_same_folder(tmp_path):
    with opened(tmp_path), pytest.raises(BusyError, match="another run collects"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass

"""`edgetl run --collect`: films, live cameras, and the two real films of $EDGETL_DATA."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edgetl.device.run.job import run
from edgetl.device.run.settings import RunSettings
from edgetl.errors import UsageError
from edgetl.files import sha256_of
from edgetl.host.dataset.duplicates import near_groups
from edgetl.host.dataset.photos import read_records


@pytest.fixture
def cuts(tmp_path):
    """A film that cuts to another scene each second, 20 s long."""
    path = tmp_path / "cuts.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (96, 64))
    for index in range(200):
        rng = np.random.default_rng(index // 10)
        writer.write(cv2.resize(rng.integers(0, 256, (6, 9, 3), np.uint8), (96, 64), interpolation=cv2.INTER_CUBIC))
    writer.release()
    return path


def kept(folder):
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


def results(path):
    lines = map(json.loads, path.read_text().splitlines())
    return {line["index"]: line for line in lines if "task" in line}


def test_a_run_keeps_frames_and_reports_the_same_as_without(bundle, cuts, tmp_path):
    run(RunSettings(model=bundle, source=str(cuts), jsonl=tmp_path / "plain.jsonl"))
    run(RunSettings(model=bundle, source=str(cuts), jsonl=tmp_path / "lines.jsonl", collect=tmp_path / "frames"))
    plain, lines = results(tmp_path / "plain.jsonl"), results(tmp_path / "lines.jsonl")
    assert len(plain) == 200
    assert [line["classes"] for line in plain.values()] == [line["classes"] for line in lines.values()]
    documents = kept(tmp_path / "frames")
    assert 3 <= len(documents) <= 40
    for document in documents:
        assert document["model"] == {"name": "tiny", "digest": sha256_of(bundle / "float32.tflite")}
        assert document["variant"] == "float32"
        assert document["result"] == lines[document["result"]["index"]]
    assert near_groups(read_records(tmp_path, sorted((tmp_path / "frames").glob("*.jpg")))) == []


def test_a_live_camera_of_one_picture_gives_one_frame_at_most(bundle, mjpeg, tmp_path):
    run(RunSettings(model=bundle, source=mjpeg(), collect=tmp_path / "frames", max_frames=60))
    assert len(kept(tmp_path / "frames")) <= 1


def test_a_single_file_is_named_by_its_digest(bundle, cuts, tmp_path):
    file = bundle / "static_wi8_ai8.tflite"
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    run(RunSettings(model=file, labels=tmp_path / "labels.txt", source=str(cuts), collect=tmp_path / "frames"))
    documents = kept(tmp_path / "frames")
    assert documents
    assert {(row["model"]["digest"], row["variant"]) for row in documents} == {(sha256_of(file), None)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"collect_max": 10}, "--collect-max goes with --collect"),
        ({"collect": ""}, "--collect is empty"),
        ({"collect": "frames", "collect_max": 0}, "collect_max is 0"),
        ({"drift": -1.0}, r"drift is -1\.0"),
    ],
)
def test_options_without_a_meaning_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        RunSettings(**options)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("film", ["one-by-one-person-detection", "bottle-detection"])
@pytest.mark.parametrize(
    ("model", "labels"),
    [
        ("coco_ssd_mobilenet_v1_1.0_quant", "coco_labelmap"),
        ("mobilenet_v2_1.0_224_quant", "imagenet_labels_1001"),
    ],
)
def test_at_most_sixty_frames_of_a_real_film_are_kept_and_no_two_look_the_same(
    data_folder, tmp_path, film, model, labels
):
    models = data_folder / "models"
    frames = tmp_path / "frames"
    run(
        RunSettings(
            model=models / f"{model}.tflite",
            labels=models / f"{labels}.txt",
            source=str(data_folder / "videos" / f"{film}.mp4"),
            collect=frames,
        )
    )
    pictures = sorted(frames.glob("*.jpg"))
    print(f"{len(pictures)} frames of {film} by {model}")
    assert 3 <= len(pictures) <= 60
    assert len(kept(frames)) == len(pictures)
    assert near_groups(read_records(tmp_path, pictures)) == []

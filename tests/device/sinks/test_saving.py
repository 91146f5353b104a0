"""The files that `--save` writes for photos, films and cameras."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from fakes import FakeCamera, observed, solid

from edgetl.device.camera.photos import Photos
from edgetl.device.camera.source import parse_source
from edgetl.device.sinks.photo_files import PhotoFiles
from edgetl.device.sinks.saving import open_saving
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.sinks.video.rolling_film import RollingVideo
from edgetl.errors import EdgetlError, UsageError
from edgetl.vision.results import Classification, Detections


def says(label="red", score=0.9):
    return Classification(np.array([0]), np.array([score], np.float32), (label,))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(("a.jpg", "b.PNG", "c.tif", "more/a.jpg", "more/a.png")):
        data = cv2.imencode(os.path.splitext(name)[1].lower(), solid(index % 3, (320, 240)))[1]  # noqa: PTH122
        (folder / name).write_bytes(data.tobytes())
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes((folder / "a.jpg").read_bytes())
    return folder


def save(source, target, folder, **options):
    camera = Photos(parse_source(str(source)))
    with open_saving(target, camera, folder=folder, **options) as sink:
        for frame in camera:
            sink.write(observed(frame, says()))
    return sink


def test_a_folder_of_photos_is_saved_as_photos(photos, tmp_path):
    save(photos, tmp_path / "seen", True)
    names = sorted(file.name for file in (tmp_path / "seen").iterdir())
    assert names == ["a.jpg", "b.PNG", "c.jpg", "caf\udce9.jpg"]
    before, after = (cv2.imread(str(folder / "a.jpg")) for folder in (photos, tmp_path / "seen"))
    assert after.shape == before.shape
    assert np.abs(after[100:].astype(int) - before[100:]).max() < 12, "below the label it is as it was"
    assert after[:20].max(axis=2).min() < 100, "the label is on it"
    save(photos, tmp_path / "seen", True)
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == names


def test_the_second_photo_of_a_name_gets_a_number(photos, tmp_path):
    save(f"{photos}/**/a*", tmp_path / "seen", True)
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == ["a-2.jpg", "a.jpg", "a.png"]


def test_one_photo_is_saved_as_one_file(photos, tmp_path):
    save(photos / "a.jpg", tmp_path / "new" / "ann.png", False)
    assert cv2.imread(str(tmp_path / "new" / "ann.png")).shape == (240, 320, 3)


def test_boxes_are_drawn_on_photos(photos, tmp_path):
    camera = Photos(parse_source(str(photos / "a.jpg")))
    box = Detections(
        np.array([[100, 60, 200, 160]], np.float32), np.array([0.9], np.float32), np.array([1]), ("x",), (320, 240)
    )
    with PhotoFiles(tmp_path) as sink:
        for frame in camera:
            sink.write(observed(frame, box))
    edge = cv2.imread(str(tmp_path / "a.jpg"))[100, 96:104].astype(int)
    assert np.abs(edge - solid(0, (1, 1))[0, 0]).max() > 60


@pytest.mark.parametrize("target", ["photos", "photos/more/.."])
def test_the_source_is_never_overwritten(photos, tmp_path, target):
    before = (photos / "a.jpg").read_bytes()
    for source in (photos, f"{photos}/*.jpg", photos / "a.jpg"):
        with pytest.raises(UsageError, match="overwrite"):
            save(source, tmp_path / target, True)
    assert (photos / "a.jpg").read_bytes() == before


def test_the_source_and_the_path_decide_between_film_and_rolling_film(photos, tmp_path):
    all_photos, camera = Photos(parse_source(str(photos))), FakeCamera([])
    assert isinstance(open_saving(tmp_path / "f.mp4", all_photos), VideoFile)
    assert isinstance(open_saving(tmp_path / "out", all_photos, folder=True, every=60.0), RollingVideo)
    assert isinstance(open_saving(tmp_path / "f.mp4", camera), VideoFile)
    assert isinstance(open_saving(tmp_path / "out", camera, folder=True), RollingVideo)


@pytest.mark.parametrize(
    ("of_photos", "name"), [(True, "ann.jpg"), (True, "annotated"), (False, "a.jpg"), (False, "x")]
)
def test_a_path_with_a_wrong_suffix_is_an_error_with_examples(photos, tmp_path, of_photos, name):
    with pytest.raises(UsageError) as caught:
        open_saving(tmp_path / name, Photos(parse_source(str(photos))) if of_photos else FakeCamera([]))
    assert "--save seen/" in caught.value.remedy


def test_a_photo_that_cant_be_written_is_an_error(tmp_path, photos):
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgetlError, match="can't write"):
        save(photos / "a.jpg", tmp_path / "file" / "x", True)

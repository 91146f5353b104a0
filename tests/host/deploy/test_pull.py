"""Collected frames are fetched, verified, deduplicated, and laid out for labelling."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from collected import put_frame
from homes import draw_folders, draw_shape, edgetl, refused

from edgetl.errors import EdgetlError, UsageError
from edgetl.host.dataset.boxes.read import is_boxed, read_boxed
from edgetl.host.dataset.folders import read_folders
from edgetl.host.deploy.frame_sources import LocalFolder
from edgetl.host.deploy.pull import pull
from edgetl.host.deploy.transport import Ssh

HOSTILE = ["../../outside", "a/b", "CON", ".hidden", "x" * 200, "a\\b:c", "grün", "~root", "--delete"]


@pytest.fixture
def card(tmp_path):
    """A folder of twelve collected frames of a classifier."""
    for number in range(12):
        put_frame(tmp_path / "card", number, ("disc", "cross", "square")[number % 3])
    return tmp_path / "card"


def photos(folder):
    """The photos that were laid out, as paths below `proposed`."""
    return sorted(path.relative_to(folder / "proposed").as_posix() for path in (folder / "proposed").rglob("*.jpg"))


def test_a_classifiers_frames_lie_in_folders_of_the_proposed_classes(card, tmp_path):
    done = edgetl("pull", "--from", card, tmp_path / "pulled", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["found"], document["photos"], document["deleted"]) == (12, 12, 0)
    assert document["proposed"] == {"cross": 4, "disc": 4, "square": 4}
    assert document["reasons"] == {"uncertain": 12}
    assert {path.split("/")[0] for path in photos(tmp_path / "pulled")} == {"cross", "disc", "square"}
    assert len(list(card.iterdir())) == 24, "nothing was deleted there"
    assert not list((tmp_path / "pulled" / ".pulled" / "incoming").iterdir())


def test_a_frame_that_was_sorted_out_never_comes_back(card, tmp_path):
    folder = tmp_path / "pulled"
    pull(folder, source=card)
    shutil.rmtree(folder / "proposed" / "disc")
    (folder / "bolt").mkdir()
    moved = next((folder / "proposed" / "cross").iterdir())
    moved.rename(folder / "bolt" / "mine.jpg")
    put_frame(card, 40, "disc")
    again = pull(folder, source=card)
    assert again.photos == 1
    assert [path.split("/")[0] for path in photos(folder)].count("disc") == 1
    assert pull(folder, source=card).bytes == 0


def test_copies_and_near_duplicates_of_photos_that_are_there_are_left_out(tmp_path):
    labelled = draw_folders(tmp_path / "photos", 3)
    here = cv2.imread(str(labelled / "disc" / "00.jpg"))
    put_frame(tmp_path / "card", 1, image=here)
    put_frame(tmp_path / "card", 2, image=(here * 0.9).astype(np.uint8))
    put_frame(tmp_path / "card", 3)
    result = pull(labelled, source=tmp_path / "card")
    assert (result.photos, result.duplicates) == (1, 2)
    assert pull(labelled, source=tmp_path / "card").duplicates == 0, "they are known"


def test_proposals_are_not_trained_on_before_they_are_moved(tmp_path):
    labelled = draw_folders(tmp_path / "photos", 3)
    put_frame(tmp_path / "card", 3)
    pull(labelled, source=tmp_path / "card")
    found = read_folders(labelled)
    assert {sample.label for sample in found.samples} == {"cross", "disc", "square"}
    assert any("proposed/" in note for note in found.notes)
    put_frame(tmp_path / "card", 4, boxes=[("bolt", 1, 1, 50, 50)])
    pull(labelled, source=tmp_path / "card")
    assert not is_boxed(labelled)


@pytest.mark.parametrize("format_", ["coco", "voc", "yolo"])
def test_a_detectors_frames_come_as_a_data_set_that_reads_back(tmp_path, format_):
    rows = [("bolt", 10.5, 20.25, 60, 90), ("nut", -5, 100, 40, 500), ("nut", 400, 10, 500, 50)]
    put_frame(tmp_path / "card", 1, boxes=rows)
    put_frame(tmp_path / "card", 2, boxes=[])
    result = pull(tmp_path / "pulled", source=tmp_path / "card", boxes=format_)
    assert result.proposed == {"bolt": 1, "nut": 1, "no-proposal": 1}
    (batch,) = (tmp_path / "pulled" / "proposed").iterdir()
    read = read_boxed(batch)
    assert read.format == format_
    first, second = sorted(read.photos, key=lambda photo: -len(photo.boxes))
    assert not second.boxes
    edges = [(box.label, *box.xyxy) for box in sorted(first.boxes, key=lambda box: box.label)]
    assert edges[0][1:] == pytest.approx((10.5, 20.25, 60, 90), abs=0.51)
    assert edges[1][1:] == pytest.approx((0, 100, 40, 120), abs=1e-4), "the box is cut at the photo's edges"
    assert len(edges) == 2, "nothing of the third box is in the photo"


def test_a_second_pull_of_boxes_leaves_the_first_as_it_was_corrected(tmp_path):
    put_frame(tmp_path / "card", 1, boxes=[("bolt", 10, 20, 60, 90)])
    pull(tmp_path / "pulled", source=tmp_path / "card")
    (file,) = (tmp_path / "pulled" / "proposed").rglob("*.json")
    file.write_text(file.read_text().replace("bolt", "screw"))
    put_frame(tmp_path / "card", 2, boxes=[("bolt", 10, 20, 60, 90)])
    pull(tmp_path / "pulled", source=tmp_path / "card")
    read = read_boxed(tmp_path / "pulled" / "proposed")
    assert sorted(box.label for photo in read.photos for box in photo.boxes) == ["bolt", "screw"]


def test_the_coco_file_is_what_cocos_own_reader_takes(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    name = put_frame(tmp_path / "card", 1, boxes=[("bolt", 10, 20, 60, 90)])
    pull(tmp_path / "pulled", source=tmp_path / "card")
    (file,) = (tmp_path / "pulled" / "proposed").rglob("*.json")
    read = coco.COCO(str(file))
    (image,) = read.loadImgs(read.getImgIds())
    assert (image["file_name"], image["width"], image["height"]) == (f"{name}.jpg", 160, 120)
    (box,) = read.loadAnns(read.getAnnIds())
    assert (box["bbox"], box["area"], box["iscrowd"]) == ([10, 20, 50, 70], 3500, 0)


@pytest.mark.parametrize("label", HOSTILE)
def test_no_class_name_leads_out_of_the_folder(tmp_path, label):
    put_frame(tmp_path / "card", 1, label)
    before = sorted(tmp_path.iterdir())
    result = pull(tmp_path / "pulled", source=tmp_path / "card")
    assert result.photos == 1
    (place,) = photos(tmp_path / "pulled")
    assert len(Path(place).parts) == 2
    assert not place.startswith(".")
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "pulled"])


@pytest.mark.parametrize(
    "changes",
    [
        {"result": None},
        {"result": []},
        {"result": {"task": "segmentation"}},
        {"result": {"task": "detection", "objects": [{"label": "a", "xyxy": [1, 2, 3]}]}},
        {"result": {"task": "detection", "objects": [{"label": "a", "xyxy": [1, 2, 3, float("nan")]}]}},
        {"result": {"task": "classification", "classes": [{"label": "\x1b[2J"}]}},
        {"result": {"task": "classification", "classes": [{"label": ""}]}},
        {"score": "high"},
        {"reason": 7},
    ],
)
def test_a_damaged_description_is_counted_and_its_frame_stays_there(tmp_path, changes):
    put_frame(tmp_path / "card", 1, **changes)
    put_frame(tmp_path / "card", 2)
    result = pull(tmp_path / "pulled", source=tmp_path / "card", delete=True)
    assert (result.photos, result.unusable, result.deleted) == (1, 1, 1)
    assert len(list((tmp_path / "card").iterdir())) == 2


def test_files_that_are_no_frames_are_left_alone(tmp_path):
    card = tmp_path / "card"
    whole, half = put_frame(card, 1), put_frame(card, 2)
    (card / f"{half}.json").unlink()
    (card / "notes.txt").write_text("mine")
    os.mkfifo(card / "20261128T180000.000Z-0000000a.jpg")
    (card / "20261128T180000.000Z-0000000b.jpg").symlink_to("/etc/passwd")
    for letter in "ab":
        (card / f"20261128T180000.000Z-0000000{letter}.json").write_text("{}")
    no_photo = put_frame(card, 3)
    (card / f"{no_photo}.jpg").write_bytes(b"\xff\xd8 no photo")
    result = pull(tmp_path / "pulled", source=card, delete=True)
    assert (result.found, result.photos, result.unusable, result.deleted) == (2, 1, 1, 1)
    assert not (card / f"{whole}.jpg").exists()
    assert {"notes.txt", f"{half}.jpg", f"{no_photo}.jpg"} <= {path.name for path in card.iterdir()}


def test_what_differs_after_the_copy_is_neither_used_nor_deleted(card, tmp_path, monkeypatch):
    fetch = LocalFolder.fetch

    def damage_one(self, names, into):
        total = fetch(self, names, into)
        with (into / names[0]).open("r+b") as file:
            file.write(b"XX")
        return total

    monkeypatch.setattr(LocalFolder, "fetch", damage_one)
    result = pull(tmp_path / "pulled", source=card, delete=True)
    assert (result.photos, result.unusable, result.deleted) == (11, 1, 11)
    monkeypatch.undo()
    again = pull(tmp_path / "pulled", source=card, delete=True)
    assert (again.photos, again.unusable, again.deleted) == (1, 0, 1)


def test_an_interrupted_pull_goes_on_where_it_ended(card, tmp_path, monkeypatch):
    fetch = LocalFolder.fetch

    def end_early(self, names, into):
        fetch(self, names[:7], into)
        raise EdgetlError("the connection was lost")

    monkeypatch.setattr(LocalFolder, "fetch", end_early)
    with pytest.raises(EdgetlError, match="lost"):
        pull(tmp_path / "pulled", source=card, delete=True)
    assert len(list(card.iterdir())) == 24
    monkeypatch.undo()
    whole = sum(path.stat().st_size for path in card.iterdir())
    result = pull(tmp_path / "pulled", source=card)
    assert result.photos == 12
    assert 0 < result.bytes < 0.9 * whole


def test_frames_that_the_device_drops_meanwhile_are_left_out(card, tmp_path, monkeypatch):
    fetch, first = LocalFolder.fetch, sorted(card.iterdir())[0].stem

    def drop_first(self, names, into):
        for path in card.glob(f"{first}.*"):
            path.unlink()
        return fetch(self, names, into)

    monkeypatch.setattr(LocalFolder, "fetch", drop_first)
    result = pull(tmp_path / "pulled", source=card)
    assert (result.photos, result.unusable) == (11, 0)


@pytest.fixture(params=["rsync", "tar"])
def way(request, monkeypatch):
    """The program that copies."""
    if request.param == "rsync" and not shutil.which("rsync"):
        pytest.skip("rsync is not installed")
    monkeypatch.setattr(Ssh, "has_rsync", request.param == "rsync")


@pytest.mark.usefixtures("way")
def test_frames_are_fetched_from_the_folder_that_the_deployed_run_collects_into(devices, tmp_path):
    pi = devices.add("pi")
    for number in range(3):
        put_frame(pi / "edgetl" / "seen", number)
    (pi / "edgetl" / "seen" / "index").write_text("the collector's own")
    (pi / "edgetl" / "current").mkdir()
    (pi / "edgetl" / "current" / "run.toml").write_text(f'collect = "{pi / "edgetl" / "seen"}"\n')
    done = edgetl("pull", "me@pi", tmp_path / "pulled", "--delete")
    assert done.code == 0, done.err
    assert "3 new photos of 3 frames at me@pi:" in done.err
    assert [path.name for path in (pi / "edgetl" / "seen").iterdir()] == ["index"]
    assert len(photos(tmp_path / "pulled")) == 3


def test_without_a_deployed_run_the_usual_folder_is_fetched_or_the_named_one(devices, tmp_path):
    pi = devices.add("pi")
    refused(edgetl("pull", "pi", tmp_path / "pulled"), 1, "nothing has been collected there", "pi:edgetl/collected")
    put_frame(pi / "edgetl" / "collected", 1)
    put_frame(pi / "elsewhere it's", 2)
    assert pull(tmp_path / "pulled", "pi").photos == 1
    assert pull(tmp_path / "pulled", "pi", remote="elsewhere it's", delete=True).deleted == 1


def test_a_pull_needs_one_place_and_an_unused_folder(card, tmp_path):
    refused(edgetl("pull", tmp_path / "pulled"), 2, "one place")
    refused(edgetl("pull", "pi", tmp_path / "pulled", "--from", card), 2, "one place")
    refused(edgetl("pull", tmp_path / "pulled", "--from", tmp_path / "nothing"), 2, "no such folder")
    assert not (tmp_path / "pulled").exists()
    refused(edgetl("pull", tmp_path / "pulled", "--from", card, "--remote", "x"), 2, "--remote")
    with pytest.raises(UsageError, match="format"):
        pull(tmp_path / "pulled", source=card, boxes="createml")


def test_an_image_that_was_drawn_is_no_duplicate_of_another():
    """The frames of these tests differ, so that none is left out as a near duplicate."""
    from edgetl.vision.near_duplicates import NEAR_BITS, difference_hash, differing_bits

    drawn = np.stack([difference_hash(draw_shape("disc", np.random.default_rng(n))) for n in range(12)])
    assert all((differing_bits(one, np.delete(drawn, n, 0)) > NEAR_BITS).all() for n, one in enumerate(drawn))

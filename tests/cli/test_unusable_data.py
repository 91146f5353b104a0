from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
from homes import TINY, draw_folders, edgetl, unusable


@pytest.fixture(params=["data check", "train"])
def run(request):
    """Either of the two commands that read a data set."""
    if request.param == "train":
        return lambda folder: edgetl("train", folder, "--name", "new", *TINY)
    return lambda folder: edgetl("data", "check", folder)


def test_no_such_folder(empty_home, run):
    unusable(run("gone"), "there is no such folder", "where: gone", "one folder of photos for each class")


def test_folder_that_is_a_file(empty_home, run):
    (empty_home.folder / "photos").write_text("x")
    unusable(run("photos"), "this is a file")


def test_folder_without_class_folders(empty_home, run):
    empty_home.photos.mkdir()
    unusable(run("photos"), "no class folders with photos here", "where: photos")


def test_one_class(empty_home, run):
    draw_folders(empty_home.photos, 4, ("disc",))
    unusable(run("photos"), "only one class, 'disc'; two or more are needed", "where: photos", "edgetl data check")


def test_empty_class(empty_home, run):
    draw_folders(empty_home.photos, 4)
    (empty_home.photos / "ring").mkdir()
    unusable(run("photos"), "the class 'ring' has no photos", "where: photos/ring", "remove the folder")


def test_empty_class_in_train(empty_home, run):
    draw_folders(empty_home.photos / "train", 4)
    draw_folders(empty_home.photos / "val", 2, seed=1)
    (empty_home.photos / "train" / "ring").mkdir()
    unusable(run("photos"), "the class 'ring' has no photos", "photos/train/ring")


def test_class_in_val_that_train_lacks(empty_home, run):
    draw_folders(empty_home.photos / "train", 4, ("disc", "square"))
    draw_folders(empty_home.photos / "val", 2, seed=1)
    unusable(run("photos"), "val/ has classes that train/ lacks: cross", "give train/ the same class folders")


def test_class_of_one_photo(empty_home, run):
    draw_folders(empty_home.photos, 4, ("disc", "square"))
    draw_folders(empty_home.folder / "one", 1, ("cross",)).joinpath("cross").rename(empty_home.photos / "cross")
    unusable(run("photos"), "the class 'cross' has one photo")


def test_every_file_corrupt(empty_home, run):
    for photo in draw_folders(empty_home.photos, 3).rglob("*.jpg"):
        photo.write_bytes(b"not a photo")
    unusable(run("photos"), *(f"the class '{label}' has no readable photo" for label in ("cross", "disc", "square")))


def test_two_classes_with_the_same_photos(empty_home, run):
    draw_folders(empty_home.photos, 5)
    shutil.copytree(empty_home.photos / "disc", empty_home.photos / "round")
    unusable(run("photos"), "5 photos in both 'disc' and 'round'", "where: photos")


def test_duplicates_alone_leave_nothing_to_validate(empty_home):
    draw_folders(empty_home.photos, 4, ("disc", "square"))
    draw_folders(empty_home.folder / "one", 1, ("cross",)).joinpath("cross").rename(empty_home.photos / "cross")
    shutil.copy(empty_home.photos / "cross" / "00.jpg", empty_home.photos / "cross" / "01.jpg")
    done = edgetl("train", "photos", "--name", "new", *TINY)
    unusable(done, "no photos to validate on for: cross", "aren't copies of each other")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def test_truncated_photo_is_listed_by_name_and_left_out(empty_home):
    truncate(draw_folders(empty_home.photos, 4) / "disc" / "02.jpg")
    done = edgetl("data", "check", "photos")
    assert done.code == 0
    assert "disc/02.jpg: is truncated: its end is missing" in done.err
    assert "warning: 1 unreadable file left out" in done.err
    assert "disc    3" in done.err


def test_truncated_photo_with_strict(empty_home):
    truncate(draw_folders(empty_home.photos, 4) / "disc" / "02.jpg")
    done = edgetl("train", "photos", "--name", "new", "--strict", *TINY)
    unusable(done, "1 file can't be read: disc/02.jpg: is truncated", "where: photos", "--strict")
    assert not (empty_home.models / "new").exists()


def test_training_that_is_refused_leaves_the_earlier_model(home):
    before = (home.models / "tiny" / "model.keras").read_bytes()
    draw_folders(home.folder / "one", 4, ("disc",))
    unusable(edgetl("train", "one", "--name", "tiny", *TINY), "only one class")
    assert (home.models / "tiny" / "model.keras").read_bytes() == before
    assert home.bundle.is_dir()


def test_photos_changed_since_training(home):
    shutil.copy(home.photos / "disc" / "00.jpg", home.photos / "disc" / "99.jpg")
    for args in (["convert", "tiny", "--target", home.target], ["eval", "tiny"]):
        unusable(edgetl(*args), "the photos have changed since the model was trained", str(home.photos), "train again")


@pytest.mark.slow
def test_photos_moved_since_training(home):
    home.photos.rename(home.folder / "moved")
    unusable(edgetl("eval", "tiny"), "are gone", f"where: {home.photos}", "--data")
    assert edgetl("convert", "tiny", "--target", home.target, "--data", "moved", "--recipe", "float32").code == 0


def test_eval_on_a_class_the_model_doesnt_know(home):
    draw_folders(home.folder / "other", 1, ("disc", "ring"))
    for model in ("tiny", home.bundle):
        done = edgetl("eval", model, "other")
        unusable(done, "the model doesn't know the classes ring", "where: other", "cross, disc, square")


def test_eval_on_corrupt_photos(home):
    for photo in draw_folders(home.folder / "other", 1).rglob("*.jpg"):
        photo.write_bytes(b"no")
    unusable(
        edgetl("eval", home.bundle, "other"), "none of the photos can be read", "where: other", "edgetl data check"
    )


def test_warnings_of_very_many_classes_are_short(empty_home):
    for number in range(300):
        draw_folders(empty_home.photos, 2, (f"class{number:03}",), seed=number)
    done = edgetl("data", "check", "photos")
    assert done.code == 0
    assert max(map(len, done.err.splitlines())) < 400
    assert len(done.err.splitlines()) < 100


def test_libraries_print_nothing_about_unreadable_photos(empty_home, capfd):
    root = draw_folders(empty_home.photos, 4)
    cv2.imwrite(str(root / "disc" / "heights.tif"), np.zeros((50, 60), np.float32))
    done = edgetl("data", "check", "photos")
    assert "disc/heights.tif: can't be decoded" in done.err
    assert capfd.readouterr().err == ""


def test_json_report(empty_home):
    truncate(draw_folders(empty_home.photos, 6) / "disc" / "02.jpg")
    shutil.copy(empty_home.photos / "disc" / "00.jpg", empty_home.photos / "square" / "77.jpg")
    done = edgetl("data", "check", "photos", "--json")
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert list(report) == [
        "root", "photos", "classes", "sizes", "unreadable", "exact_duplicates", "near_duplicates", "conflicts",
        "leaks", "imbalance", "warnings", "problems",
    ]  # fmt: skip
    assert (report["root"], report["photos"], report["problems"]) == ("photos", 18, [])
    assert report["classes"] == {"cross": {"all": 6}, "disc": {"all": 5}, "square": {"all": 7}}
    assert report["sizes"] == {"smallest": "160x120", "median": "160x120", "largest": "160x120"}
    assert report["unreadable"] == ["disc/02.jpg: is truncated: its end is missing"]
    assert report["exact_duplicates"] == report["conflicts"] == [["disc/00.jpg", "square/77.jpg"]]
    assert (report["near_duplicates"], report["leaks"], report["imbalance"]) == ([], [], 1.4)
    assert "1 group of photos with the same content" in report["warnings"]


def test_json_report_of_an_unusable_data_set_is_whole_and_exits_with_3(empty_home):
    draw_folders(empty_home.photos, 3, ("disc",))
    done = edgetl("data", "check", "photos", "--json")
    assert json.loads(done.out)["problems"] == ["only one class, 'disc'; two or more are needed"]
    unusable(done, "only one class")

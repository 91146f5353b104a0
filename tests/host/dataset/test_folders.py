from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from homes import draw_folders

from edgetl.errors import DatasetError
from edgetl.host.dataset.check import check_data
from edgetl.host.dataset.check_folders import FolderReport
from edgetl.host.dataset.folders import read_folders
from edgetl.text import printable


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def found(root):
    return [(str(sample.path.relative_to(root)), sample.label, sample.part) for sample in read_folders(root).samples]


def test_flat_layout_in_order_of_the_paths(tmp_path):
    touch(tmp_path, "b/1.jpg", "a/2.png", "a/1.jpeg", "a/deeper/3.webp", "b/0.bmp")
    assert found(tmp_path) == [
        ("a/1.jpeg", "a", ""),
        ("a/2.png", "a", ""),
        ("a/deeper/3.webp", "a", ""),
        ("b/0.bmp", "b", ""),
        ("b/1.jpg", "b", ""),
    ]


def test_upper_case_suffixes(tmp_path):
    touch(tmp_path, "a/1.JPG", "a/2.Png", "b/3.JPEG", "b/4.BMP", "b/5.WEBP")
    assert len(found(tmp_path)) == 5


def test_other_and_hidden_files_are_no_photos(tmp_path):
    names = "a/1.jpg", "b/1.jpg"
    touch(
        tmp_path, *names, "a/notes.txt", "a/._1.jpg", "a/.ipynb_checkpoints/1-checkpoint.jpg", ".git/c.jpg", "top.jpg"
    )
    assert [name for name, _, _ in found(tmp_path)] == list(names)


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_the_split_of_the_data_set_is_used(tmp_path, val):
    touch(
        tmp_path, "train/a/1.jpg", "train/b/1.jpg", f"{val}/a/2.jpg", f"{val}/b/2.jpg", "test/a/3.jpg", "test/b/3.jpg"
    )
    assert sorted(found(tmp_path)) == sorted(
        [
            ("train/a/1.jpg", "a", "train"),
            ("train/b/1.jpg", "b", "train"),
            (f"{val}/a/2.jpg", "a", "val"),
            (f"{val}/b/2.jpg", "b", "val"),
            ("test/a/3.jpg", "a", "test"),
            ("test/b/3.jpg", "b", "test"),
        ]
    )


def test_train_alone_is_a_split_too(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg")
    assert found(tmp_path) == [("train/a/1.jpg", "a", "train"), ("train/b/1.jpg", "b", "train")]


def test_class_called_train_among_others_is_a_class(tmp_path):
    touch(tmp_path, "train/1.jpg", "car/1.jpg")
    assert [label for _, label, _ in found(tmp_path)] == ["car", "train"]


def test_class_missing_in_test_is_no_error(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/a/2.jpg", "test/b/3.jpg")
    (tmp_path / "test" / "a").mkdir()
    assert len(found(tmp_path)) == 4


def labels_by_part(root):
    rows = {}
    for sample in read_folders(root).samples:
        rows.setdefault(sample.part, set()).add(sample.label)
    return rows


def notes(root):
    return "\n".join(read_folders(root).notes)


@pytest.mark.parametrize(
    ("train", "other", "part"),
    [
        ("Training", "Test", "test"),
        ("training", "Testing", "test"),
        ("TRAIN", "Validation", "val"),
        ("seg_train", "seg_test", "test"),
        ("training_set", "test_set", "test"),
        ("asl_alphabet_train", "asl_alphabet_test", "test"),
        ("TrainImages", "ValidImages", "val"),
        ("train2017", "val2017", "val"),
    ],
)
def test_names_of_parts_as_data_sets_have_them(tmp_path, train, other, part):
    for name in (train, other):
        touch(tmp_path, f"{name}/a/1.jpg", f"{name}/b/1.jpg")
    assert labels_by_part(tmp_path) == {"train": {"a", "b"}, part: {"a", "b"}}


def test_parts_packed_in_a_folder_of_their_name(tmp_path):
    touch(tmp_path, "seg_train/seg_train/a/1.jpg", "seg_train/seg_train/b/1.jpg", "seg_test/seg_test/a/2.jpg")
    touch(tmp_path, "seg_pred/seg_pred/3.jpg", "seg_pred/seg_pred/4.jpg")
    assert labels_by_part(tmp_path) == {"train": {"a", "b"}, "test": {"a"}}
    assert "2 photos in seg_pred/ left out" in notes(tmp_path)


@pytest.mark.parametrize("name", ["pred", "unlabeled"])
def test_photos_of_no_class_are_left_out_beside_classes(tmp_path, name):
    touch(tmp_path, "a/1.jpg", "b/1.jpg", f"{name}/1.jpg")
    assert labels_by_part(tmp_path) == {"": {"a", "b"}}
    assert f"1 photo in {name}/ left out" in notes(tmp_path)


def test_loose_photos_in_test_are_left_out(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "Test/1.jpg")
    assert labels_by_part(tmp_path) == {"": {"a", "b"}}
    assert "1 photo in Test/ left out" in notes(tmp_path)
    touch(tmp_path / "split", "train/a/1.jpg", "train/b/1.jpg", "test/1.jpg")
    assert labels_by_part(tmp_path / "split") == {"train": {"a", "b"}}
    assert "1 photo in test/ left out" in notes(tmp_path / "split")


@pytest.mark.parametrize("name", ["valid", "Train"])
def test_a_class_with_the_name_of_a_part_is_noted(tmp_path, name):
    touch(tmp_path, "invalid/1.jpg", f"{name}/1.jpg")
    assert labels_by_part(tmp_path) == {"": {"invalid", name}}
    assert f"{name}/ counts as a class" in notes(tmp_path)


def test_class_whose_name_has_a_part_in_it_is_a_class(tmp_path):
    touch(tmp_path, "test_tube/1.jpg", "beaker/1.jpg", "training-shoe/old/1.jpg")
    assert labels_by_part(tmp_path) == {"": {"test_tube", "beaker", "training-shoe"}}


def test_folders_beside_a_split_are_left_out(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/a/2.jpg", "val/b/2.jpg", "sheets/1.jpg", "papers/a.pdf")
    assert set(labels_by_part(tmp_path)) == {"train", "val"}
    assert "1 photo in sheets/ left out" in notes(tmp_path)
    assert "papers" not in notes(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("train/a/1.jpg", "train/b/1.jpg", "more/a/1.jpg", "more/b/1.jpg"),
        ("a/1.jpg", "b/1.jpg", "Test/a/1.jpg", "Test/b/1.jpg"),
        ("train/1.jpg", "test/1.jpg"),
        ("Training/1.jpg", "Validation/1.jpg", "Test/1.jpg"),
        ("train/a/1.jpg", "train/b/1.jpg", "val/1.jpg"),
        ("seg_train/1.jpg", "seg_test/1.jpg", "seg_pred/1.jpg"),
        ("train_images/1.jpg", "test_images/1.jpg"),
        ("train2017/1.jpg", "val2017/1.jpg"),
        ("a/train/1.jpg", "a/test/2.jpg", "b/train/1.jpg", "b/test/2.jpg"),
        ("fruits/Training/a/1.jpg", "fruits/Test/a/1.jpg", "vegetables/Training/b/1.jpg"),
        ("train/a/1.jpg", "train/b/Testing/1.jpg"),
    ],
)
def test_a_folder_that_may_be_a_part_or_a_class_is_refused(tmp_path, names):
    with pytest.raises(DatasetError) as caught:
        read_folders(touch(tmp_path, *names))
    assert caught.value.remedy


def test_a_set_of_test_photos_alone_can_be_evaluated(tmp_path):
    touch(tmp_path, "test/a/1.jpg", "test/b/1.jpg")
    assert labels_by_part(tmp_path) == {"test": {"a", "b"}}


def test_names_in_two_unicode_forms_are_one_class(tmp_path):
    touch(tmp_path, "train/K\u00e4se/1.jpg", "train/Brot/1.jpg", "val/Ka\u0308se/2.jpg", "val/Brot/2.jpg")
    assert labels_by_part(tmp_path) == {part: {"K\u00e4se", "Brot"} for part in ("train", "val")}
    assert "Unicode" in notes(tmp_path)


@pytest.mark.parametrize(
    "name", [b"b\x07", b"b\nc", b"b ", b" b", b"K\xe4se", b"b\xc2\x85", b"b\xe2\x80\xae", b"\x1b[2J"]
)
def test_class_names_that_no_file_can_hold_are_refused(tmp_path, name):
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    os.rename(os.fsencode(tmp_path / "b"), os.path.join(os.fsencode(tmp_path), name))  # noqa: PTH104, PTH118
    with pytest.raises(DatasetError, match="can't be used as class names") as caught:
        read_folders(tmp_path)
    assert str(caught.value) == printable(caught.value, keep="\n")


def test_classes_that_differ_only_by_case_are_noted(tmp_path):
    touch(tmp_path, "Cat/1.jpg", "cat/1.jpg")
    assert "differ only by case" in notes(tmp_path)


def test_other_files_are_counted(tmp_path):
    touch(tmp_path, "a/1.jfif", "a/2.tif", "a/3.HEIC", "a/4.gif", "a/5.txt", "b/1.jpg", "b/photo", "6.jpg", "7.heic")
    os.mkfifo(tmp_path / "a" / "8.jpg")
    (tmp_path / "b" / "9.jpg").symlink_to("/dev/zero")
    (tmp_path / "b" / "10.jpg").symlink_to("nowhere")
    (tmp_path / "b" / "11.jpg").symlink_to("11.jpg")
    assert [name for name, _, _ in found(tmp_path)] == ["a/1.jfif", "a/2.tif", "b/1.jpg"]
    noted = notes(tmp_path)
    assert "pictures left out (2 .heic, 1 .gif)" in noted
    assert "4 files left out (FIFOs" in noted
    assert "2 files without a photo left out (1 .txt, 1 without suffix)" in noted
    assert "1 photo outside the class folders" in noted


def test_a_class_of_heic_alone_is_refused_with_a_remedy(tmp_path):
    touch(tmp_path, "a/1.heic", "b/1.jpg")
    with pytest.raises(DatasetError, match=r"'a' has no photos .*1 \.heic.*JPEG"):
        read_folders(tmp_path)


def test_links_are_followed_without_an_endless_loop(tmp_path):
    touch(tmp_path / "disk", "x/1.jpg", "y/deeper/2.jpg")
    root = touch(tmp_path / "root", "a/0.jpg")
    (root / "b").symlink_to(tmp_path / "disk" / "x")
    (root / "a" / "more").symlink_to(tmp_path / "disk" / "y")
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "one").symlink_to(tmp_path / "disk" / "y")
    assert [(name, label) for name, label, _ in found(root)] == [
        ("a/0.jpg", "a"),
        ("a/one/deeper/2.jpg", "a"),
        ("b/1.jpg", "b"),
    ]
    assert "2 files left out (FIFOs" in notes(root)


def test_photos_in_folders_inside_a_class_folder_are_noted(tmp_path):
    touch(tmp_path, "cat/day/1.jpg", "cat/night/2.jpg", "dog/3.jpg")
    assert "2 photos in folders inside a class folder, used for that class: day, night" in notes(tmp_path)


def test_copies_that_tools_keep_are_no_photos(tmp_path):
    touch(tmp_path, "a/1.jpg", "a/@eaDir/1.jpg", "b/1.jpg", "__MACOSX/a/1.jpg")
    assert [name for name, _, _ in found(tmp_path)] == ["a/1.jpg", "b/1.jpg"]


def test_names_of_any_bytes_and_of_any_length(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg", f"b/{'x' * 251}.jpg")
    os.rename(os.fsencode(tmp_path / "a" / "1.jpg"), os.fsencode(tmp_path / "a") + b"/caf\xe9\x1b.jpg")  # noqa: PTH104
    assert len(found(tmp_path)) == 3
    with pytest.raises(DatasetError, match="can't be read: File name too long"):
        read_folders(tmp_path / ("x" * 300))
    with pytest.raises(DatasetError, match="can't be read"):
        read_folders(tmp_path / "a\0b")


def test_a_file_in_place_of_the_folder(tmp_path):
    touch(tmp_path, "set/data.yaml")
    with pytest.raises(DatasetError, match="this is a file") as caught:
        read_folders(tmp_path / "set" / "data.yaml")
    assert str(tmp_path / "set") in caught.value.remedy
    touch(tmp_path, "set.zip")
    with pytest.raises(DatasetError, match="this is a file") as caught:
        read_folders(tmp_path / "set.zip")
    assert "unpack" in caught.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not read")
@pytest.mark.parametrize("locked", [".", "a", "a/deeper"])
def test_folder_that_may_not_be_read_is_refused(locked):
    with tempfile.TemporaryDirectory() as name:
        root = touch(Path(name), "a/deeper/1.jpg", "b/1.jpg")
        for folder in (root, root / "a", root / "a" / "deeper", root / "b"):
            folder.chmod(0o700 if folder == root / locked else 0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(DatasetError, match="can't be read: Permission denied"):
                read_folders(root)
        finally:
            os.seteuid(0)


def test_empty_class_is_named(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/.hidden.jpg")
    with pytest.raises(DatasetError, match="the class 'b' has no photos") as caught:
        read_folders(tmp_path)
    assert caught.value.where == str(tmp_path / "b")


def test_drawn_folders(tmp_path):
    assert len(read_folders(draw_folders(tmp_path / "photos", 2)).samples) == 6


def test_evaluation_dev_and_holdout_are_parts(tmp_path):
    touch(tmp_path, *(f"{part}/{label}/1.jpg" for part in ("training", "dev", "evaluation") for label in "ab"))
    assert {part for _, _, part in found(tmp_path)} == {"train", "val", "test"}
    touch(tmp_path / "flat", "a/1.jpg", "b/1.jpg", "holdout/1.jpg")
    assert {label for _, label, _ in found(tmp_path / "flat")} == {"a", "b"}


def test_archives_in_the_place_of_class_folders_are_named(tmp_path):
    touch(tmp_path, "a.zip", "b.tar")
    with pytest.raises(DatasetError, match=r"a\.zip, b\.tar"):
        read_folders(tmp_path)


@pytest.mark.parametrize("names", ["[cross, disc, square]", "{0: disc, 1: cross, 2: square}"])
@pytest.mark.parametrize("parts", [False, True])
def test_class_folders_that_a_data_yaml_names_are_class_folders(empty_home, names, parts):
    for part in ("train", "val") if parts else ("",):
        draw_folders(empty_home.photos / part, 3, seed=len(part))
    text = f"train: train\nval: val\nnames: {names}\n" if parts else f"names: {names}\n"
    (empty_home.photos / "data.yaml").write_text(text)
    report = check_data(empty_home.photos)
    assert isinstance(report, FolderReport)
    assert report.usable
    assert list(report.classes) == ["cross", "disc", "square"]


def test_a_data_yaml_that_names_other_classes_is_not_ignored(empty_home):
    draw_folders(empty_home.photos / "train", 3)
    (empty_home.photos / "data.yaml").write_text("train: train\nval: train\nnames: [cross, disc]\n")
    with pytest.raises(DatasetError, match="none of the photos has a box"):
        check_data(empty_home.photos)


def test_a_report_is_a_table_in_a_notebook(empty_home):
    draw_folders(empty_home.photos, 3, ("a<b", "disc"))
    report = check_data(empty_home.photos)
    page = report._repr_html_()
    assert "<td>a&lt;b</td><td>3</td>" in page
    assert "6 photos, 2 classes: usable" in page
    assert "warning: few photos" in page

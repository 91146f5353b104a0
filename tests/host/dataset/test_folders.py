from __future__ import annotations

import pytest
from homes import draw_folders

from edgetl.errors import DatasetError
from edgetl.host.dataset.folders import find_samples


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def found(root):
    return [(str(sample.path.relative_to(root)), sample.label, sample.part) for sample in find_samples(root)]


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
def test_own_split(tmp_path, val):
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


def test_empty_class_is_named(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/.hidden.jpg")
    with pytest.raises(DatasetError, match="the class 'b' has no photos") as caught:
        find_samples(tmp_path)
    assert caught.value.where == str(tmp_path / "b")


def test_drawn_folders(tmp_path):
    assert len(find_samples(draw_folders(tmp_path / "photos", 2))) == 6

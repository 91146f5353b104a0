from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from boxed import draw_photo

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.tree import Tree, part_of_file

NFC, NFD = (unicodedata.normalize(form, "Tür.jpg") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("stored", "annotated"), [(NFD, NFC), (NFC, NFD), (NFD, NFC.upper())])
def test_names_of_a_mac_and_of_other_systems_are_the_same(empty_home, stored, annotated):
    path = draw_photo(empty_home.photos / "images" / stored)
    tree = Tree(empty_home.photos)
    assert (
        tree.beside(annotated, [path.parent])
        == tree.anywhere(annotated, "")
        == tree.named(f"x/images/{annotated}")
        == path
    )
    assert tree.beside(annotated.rpartition(".")[0], [path.parent]) == path


def test_a_name_that_fits_two_photos_is_refused_unless_one_fits_exactly(empty_home):
    paths = [draw_photo(empty_home.photos / name) for name in ("a.jpg", "a.png", "A.JPG")]
    tree = Tree(empty_home.photos)
    assert [tree.beside(path.name, [empty_home.photos]) for path in paths] == paths
    for name in ("a", "a.webp", "a.Jpg"):
        with pytest.raises(DatasetError, match=r"which fits [23] photos"):
            tree.beside(name, [empty_home.photos])


def test_a_path_from_elsewhere_means_the_photo_at_its_longest_end(empty_home):
    for name in ("obj_train_data/a.jpg", "obj_valid_data/a.jpg", "b.jpg"):
        draw_photo(empty_home.photos / name)
    tree = Tree(empty_home.photos)
    assert tree.named("data/obj_valid_data/a.jpg") == empty_home.photos / "obj_valid_data" / "a.jpg"
    assert tree.named("C:\\home\\b.jpg") == empty_home.photos / "b.jpg"
    assert tree.named("c.jpg") is None
    with pytest.raises(DatasetError, match="which fits 2 photos"):
        tree.named("data/a.jpg")


@pytest.mark.parametrize(("folder", "part"), [("obj_test_data", "test"), ("Testing", "test"), ("train_val", "")])
def test_part_of_a_file_by_its_folders(empty_home, folder, part):
    draw_photo(empty_home.photos / "obj_train_data" / "a.jpg")
    path = draw_photo(empty_home.photos / folder / "deep" / "b.jpg")
    assert Tree(empty_home.photos).part(path) == part


def test_a_word_in_a_folders_name_is_no_part_where_nothing_trains(empty_home):
    path = draw_photo(empty_home.photos / "crash_test" / "a.jpg")
    assert Tree(empty_home.photos).part(path) == ""


def test_pictures_that_are_not_read_are_counted(empty_home):
    draw_photo(empty_home.photos / "a.jpg").with_suffix(".heic").write_bytes(b"x")
    (note,) = Tree(empty_home.photos).left_out()
    assert note.startswith("pictures left out (1 .heic)")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("instances_train2017.json", "train"),
        ("Valid_labels.csv", "val"),
        ("testing.json", "test"),
        ("train_val.json", ""),
        ("annotations.json", ""),
    ],
)
def test_part_of_an_annotation_file(name, part):
    assert part_of_file(Path(name)) == part


def test_a_listed_path_of_many_folders_is_looked_up_at_once(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert Tree(tmp_path).named("q/" * 500_000 + "a.jpg") == tmp_path / "a.jpg"

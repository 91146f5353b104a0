from __future__ import annotations

import json

import pytest
from boxed import boxes_by_name, coco_text, draw_photo, find_boxed, put

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.read import read_boxed

ROWS = [("ace", 10, 20, 60, 70), ("king", 1.5, 2, 30.25, 40)]
BOXES = [("ace", 10, 20, 60, 70), ("king", 1.5, 2, 30.25, 40)]


@pytest.mark.parametrize(
    ("photo", "file", "file_name", "part"),
    [
        ("train2017/a.jpg", "annotations/instances_train2017.json", "a.jpg", "train"),
        ("images/train2017/a.jpg", "annotations/instances_train2017.json", "a.jpg", "train"),
        ("images/a.jpg", "annotations/instances_val.json", "a.jpg", "val"),
        ("images/a.jpg", "annotations/instances_val.json", "images/a.jpg", "val"),
        ("valid/a.jpg", "valid/_annotations.coco.json", "a.jpg", "val"),
        ("test/A.JPG", "test/_annotations.coco.json", "a.jpg", "test"),
        ("a.jpg", "anything.json", "a.jpg", ""),
        ("images/a.jpg", "annotations.json", "a.jpg", ""),
        ("deep/down/a.jpg", "annotations.json", "/somebody/elses/a.jpg", ""),
        ("images/my ace.jpg", "result.json", "/data/upload/1/my%20ace.jpg", ""),
        ("images/100%25.jpg", "result.json", "images\\100%25.jpg", ""),
    ],
)
def test_usual_layouts_are_read(empty_home, photo, file, file_name, part):
    root = empty_home.photos
    draw_photo(root / photo, ROWS)
    put(root / file, coco_text({file_name: ROWS}, crowd=(1,)))
    (found,) = find_boxed(root)
    assert boxes_by_name([found], root) == {photo: (part, BOXES)}
    assert [box.crowd for box in found.boxes] == [False, True]
    assert found.size_wh == (160, 120)


def test_same_names_in_every_part(empty_home):
    root = empty_home.photos
    for part in ("train", "valid"):
        draw_photo(root / part / "1.jpg")
        put(root / part / "_annotations.coco.json", coco_text({"1.jpg": ROWS}))
    assert [photo.part for photo in find_boxed(root)] == ["train", "val"]


def test_photos_of_a_custom_split_stay_where_they_lie(empty_home):
    root = empty_home.photos
    draw_photo(root / "train2017" / "a.jpg")
    draw_photo(root / "train2017" / "b.jpg")
    put(root / "annotations" / "instances_train.json", coco_text({"a.jpg": ROWS}))
    put(root / "annotations" / "instances_val.json", coco_text({"b.jpg": ROWS}))
    assert [photo.part for photo in find_boxed(root)] == ["train", "val"]


def test_test_folder_inside_the_training_folder_is_not_trained_on(empty_home):
    root = empty_home.photos
    draw_photo(root / "train" / "a.jpg")
    draw_photo(root / "train" / "test" / "b.jpg")
    put(root / "instances_train.json", coco_text({"a.jpg": ROWS, "test/b.jpg": ROWS}))
    assert [photo.part for photo in find_boxed(root)] == ["train", "test"]


def test_only_instances_are_read(empty_home):
    root = empty_home.photos
    draw_photo(root / "train2017" / "a.jpg")
    put(root / "annotations" / "instances_train2017.json", coco_text({"a.jpg": ROWS}))
    put(root / "annotations" / "captions_train2017.json", json.dumps({"images": [], "annotations": []}))
    assert read_boxed(root).notes == ["only the instances are read, not annotations/captions_train2017.json"]


def test_missing_photos_are_named_and_counted(empty_home):
    root = empty_home.photos
    draw_photo(root / "a.jpg")
    file = put(root / "x.json", coco_text({"a.jpg": ROWS, **{f"gone{i}.jpg": ROWS for i in range(5)}}))
    (note,) = read_boxed(root).notes
    assert note == (
        "5 annotated photos missing, left out: x.json: gone0.jpg, x.json: gone1.jpg, x.json: gone2.jpg and 2 more"
    )
    put(file, coco_text({"gone.jpg": ROWS}))
    with pytest.raises(DatasetError, match=r"all annotated photos are missing \(1\): x.json: gone.jpg"):
        read_boxed(root)


def test_a_name_that_several_photos_have(empty_home):
    root = empty_home.photos
    draw_photo(root / "x" / "a.jpg")
    draw_photo(root / "y" / "a.jpg")
    put(root / "x.json", coco_text({"z/a.jpg": ROWS}))
    with pytest.raises(DatasetError, match=r"which fits 2 photos: x/a.jpg, y/a.jpg"):
        find_boxed(root)


def spoilt(key, index=0, **change):
    document = json.loads(coco_text({"a.jpg": ROWS}))
    document[key][index].update(change)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [\n{', "is not JSON: Expecting property name"),
        ("[" * 100_000, "nested too deeply|is not JSON"),
        ("[]", "its top level is not an object"),
        ('{"images": 3}', "'categories' must be a list|'images' must be a list"),
        (spoilt("annotations", image_id=99), "annotation 0 belongs to an image that isn't listed: 99"),
        (spoilt("annotations", category_id=99), "annotation 0 is of category 99, which isn't listed"),
        (spoilt("annotations", bbox=[1, 2, 3]), "annotation 0 has no bbox of four numbers"),
        (spoilt("annotations", bbox=[1, 2, 3, "x"]), "the bbox of annotation 0 must be a number, got 'x'"),
        (spoilt("annotations", bbox=[1, 2, 3, float("nan")]), "the bbox of annotation 0 must be a number"),
        (spoilt("annotations", bbox=[1, 2, 3, 10**400]), "the bbox of annotation 0 must be a number"),
        (spoilt("categories", name=" "), "category 7 has no name"),
        (spoilt("images", file_name=None), "image 0 has no file_name"),
        (spoilt("images", id=None), "an entry of 'images' has no id"),
        (spoilt("images", width="wide"), "an image's width must be a number"),
        (spoilt("annotations", image_id=False), "annotation 0 belongs to an image that isn't listed"),
        (spoilt("annotations", category_id=True), "annotation 0 is of category True, which isn't listed"),
        (spoilt("annotations", id=None, bbox=None), "annotation number 1 has no bbox"),
        (spoilt("categories", id=8), "two categories have the id 8: ace and king"),
        (spoilt("categories", name="\ud800"), "category 7 has the class .* which can't be used"),
        (spoilt("categories", name="a\rb"), "category 7 has the class .* which can't be used"),
        (spoilt("categories", name="x" * 30_000), "category 7 has the class .* which can't be used"),
        ('{"images": [], "annotations": [], "categories": [], "x": ' + "9" * 5000 + "}", "thousands of digits"),
    ],
)
def test_bad_files(empty_home, text, message):
    draw_photo(empty_home.photos / "a.jpg")
    file = put(empty_home.photos / "annotations" / "x.json", text)
    with pytest.raises(DatasetError, match=message) as caught:
        find_boxed(empty_home.photos)
    assert caught.value.where.startswith(str(file))
    assert caught.value.remedy


def test_broken_json_names_the_line(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    file = put(empty_home.photos / "_annotations.coco.json", '{\n"images": [\n')
    with pytest.raises(DatasetError) as caught:
        find_boxed(empty_home.photos)
    assert caught.value.where == f"{file}:3"


@pytest.mark.parametrize("kind", [str, float])
def test_ids_of_another_kind_are_the_same(empty_home, kind):
    draw_photo(empty_home.photos / "a.jpg")
    document = json.loads(coco_text({"a.jpg": ROWS}))
    for row in document["annotations"]:
        row |= {key: kind(row[key]) for key in ("image_id", "category_id")}
    document["categories"][0]["name"] = 7
    put(empty_home.photos / "x.json", json.dumps(document))
    assert [box.label for box in find_boxed(empty_home.photos)[0].boxes] == ["7", "king"]


def test_annotations_without_ids(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    document = json.loads(coco_text({"a.jpg": ROWS}))
    for row in document["annotations"]:
        del row["id"]
    put(empty_home.photos / "x.json", json.dumps(document))
    assert len(find_boxed(empty_home.photos)[0].boxes) == 2


def test_an_id_that_two_images_have_is_refused(empty_home):
    document = json.loads(coco_text(dict.fromkeys(("a.jpg", "b.jpg"), ROWS)))
    for name in ("a.jpg", "b.jpg"):
        draw_photo(empty_home.photos / name)
    document["images"][1]["id"] = document["images"][0]["id"]
    for row in document["annotations"]:
        row["image_id"] = document["images"][0]["id"]
    put(empty_home.photos / "x.json", json.dumps(document))
    with pytest.raises(DatasetError, match=r"two images have the id 0: a.jpg and b.jpg"):
        find_boxed(empty_home.photos)


def test_an_image_that_is_listed_twice_alike_counts_once(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    document = json.loads(coco_text({"a.jpg": ROWS}))
    document["images"] *= 2
    put(empty_home.photos / "x.json", json.dumps(document))
    found = read_boxed(empty_home.photos)
    assert [len(photo.boxes) for photo in found.photos] == [2]
    assert found.notes == ["images listed twice with the same id and file, used once: 1"]


def test_categories_of_the_same_name_are_one_class(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    put(empty_home.photos / "x.json", spoilt("categories", index=1, name=" ace\n"))
    found = read_boxed(empty_home.photos)
    assert [box.label for box in found.photos[0].boxes] == ["ace", "ace"]
    assert found.notes == ["several categories have the same name and count as one class: ace"]

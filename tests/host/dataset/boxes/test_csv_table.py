from __future__ import annotations

import pytest
from boxed import boxes_by_name, csv_text, draw_photo, find_boxed, put

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.read import read_boxed

ROWS = [("ace", 10, 20, 60, 70), ("king", 1.5, 2.0, 30.25, 40.0)]
HEAD = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


@pytest.mark.parametrize(
    ("photo", "file", "name", "part"),
    [
        ("train/IMG_1.JPG", "train_labels.csv", "IMG_1.jpg", "train"),
        ("images/a.jpg", "test_labels.csv", "a.jpg", "test"),
        ("valid/a.jpg", "valid/_annotations.csv", "a.jpg", "val"),
        ("a.jpg", "labels.csv", "a.jpg", ""),
        ("images/a.jpg", "labels.csv", "images\\a.jpg", ""),
    ],
)
def test_usual_layouts_are_read(empty_home, photo, file, name, part):
    root = empty_home.photos
    draw_photo(root / photo)
    put(root / file, csv_text({name: ROWS}))
    photos = find_boxed(root)
    assert boxes_by_name(photos, root) == {photo: (part, ROWS)}
    assert photos[0].size_wh == (160, 120)
    assert photos[0].source == f"{root / file}:2"


def test_byte_order_mark_other_columns_and_windows_lines(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    text = "\ufeffFilename,Width,Height,Class,Xmin,Ymin,Xmax,Ymax,note\r\na.jpg,160,120,ace,1,2,30,40,good\r\n"
    (empty_home.photos / "labels.csv").write_bytes(text.encode())
    assert find_boxed(empty_home.photos)[0].boxes[0].xyxy == (1, 2, 30, 40)


@pytest.mark.parametrize(
    "text",
    [
        '"filename","width","height","class","xmin","ymin","xmax","ymax"\n"a.jpg","160","120","ace","1","2","30.5","40"\n',
        "filename;width;height;class;xmin;ymin;xmax;ymax\na.jpg;160;120;ace;1;2;30,5;40\n;;;;;;;\n",
        "filename;width;height;class;xmin;ymin;xmax;ymax\na.jpg;160;120;ace;1;2;30.5;40;\n",
        "filename\twidth\theight\tclass\txmin\tymin\txmax\tymax\na.jpg\t160\t120\tace\t1\t2\t30.5\t40\n",
        "filename, width, height, class, xmin, ymin, xmax, ymax\na.jpg, 160, 120, ace , 1, 2, 30.5, 40\n",
        '"image","xmin","ymin","xmax","ymax","label"\n"a.jpg",1,2,30.5,40,"ace"\n',
        "class,ymax,xmax,ymin,xmin,filename\race,40,30.5,2,1,a.jpg\r",
    ],
)
def test_separators_quotes_and_columns_of_other_programs(empty_home, text):
    draw_photo(empty_home.photos / "a.jpg")
    put(empty_home.photos / "labels.csv", text)
    ((box,),) = (photo.boxes for photo in find_boxed(empty_home.photos))
    assert (box.label, box.xyxy) == ("ace", (1, 2, 30.5, 40))


def test_missing_photos_are_noted(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    put(empty_home.photos / "labels.csv", csv_text({"a.jpg": ROWS, "b.jpg": ROWS}))
    assert read_boxed(empty_home.photos).notes == ["1 annotated photo missing, left out: labels.csv:4: b.jpg"]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (HEAD + "a.jpg,160,120,ace,1,2,3,4\na.jpg,160,120,ace,1,2,3\n", "has fewer than 8 values", 3),
        (HEAD + "a.jpg,160,120,ace,1,2,3,x\n", "ymax must be a number, got 'x'", 2),
        (HEAD + "a.jpg,160,120,,1,2,3,4\n", "a line needs a filename and a class", 2),
        (HEAD + "a.jpg,wide,120,ace,1,2,3,4\n", "width must be a number", 2),
        (HEAD + "a.jpg,160,120,ace,1,2,3,4,5\n", "has more than 8 values", 2),
        (HEAD + "a.jpg,160,120,ace,1,2,3,4\na.jpg,120,160,ace,1,2,3,4\n", "another size than the line 2", 3),
        (HEAD + 'a.jpg,160,120,"a\nb",1,2,3,4\n', "a line has the class .* which can't be used", 3),
        (HEAD + "a.jpg,160,120," + "x" * 140_000 + ",1,2,3,4\n", "is not CSV: field larger than", 2),
        ("filename,image,class,class,xmin,ymin,xmax,ymax\n", "has the column class twice", 1),
        ("filename,class,xmin\n", "has no column ymin, xmax, ymax", 1),
    ],
)
def test_bad_lines_are_named(empty_home, text, message, line):
    draw_photo(empty_home.photos / "a.jpg")
    file = put(empty_home.photos / "labels.csv", text)
    with pytest.raises(DatasetError, match=message) as caught:
        find_boxed(empty_home.photos)
    assert caught.value.where == f"{file}:{line}"
    assert caught.value.remedy


def test_not_utf8(empty_home):
    draw_photo(empty_home.photos / "a.jpg")
    (empty_home.photos / "labels.csv").write_bytes(HEAD.encode() + b"a.jpg,160,120,\xe4,1,2,3,4\n")
    with pytest.raises(DatasetError, match="is not a text in UTF-8"):
        find_boxed(empty_home.photos)


@pytest.mark.real_data
def test_real_cards(data_folder, empty_home):
    cards = data_folder / "detection" / "cards"
    root = empty_home.photos
    for part in ("train", "test"):
        (root / part).mkdir(parents=True)
        for photo in [*(cards / part).glob("*.jpg"), *(cards / part).glob("*.JPG")]:
            (root / part / photo.name).symlink_to(photo)
        (root / f"{part}_labels.csv").symlink_to(cards / f"{part}_labels.csv")
    photos = find_boxed(root)
    both = find_boxed(cards)
    for part, files, boxes in (("train", 296, 527), ("test", 67, 143)):
        side = [photo for photo in photos if photo.part == part]
        assert (len(side), sum(len(photo.boxes) for photo in side)) == (files, boxes)
    assert {n: (p, sorted(b)) for n, (p, b) in boxes_by_name(photos, root).items()} == {
        n: (p, sorted(b)) for n, (p, b) in boxes_by_name(both, cards).items()
    }

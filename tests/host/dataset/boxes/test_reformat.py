from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from boxed import coco_text, draw_photo, put, put_turned, put_voc, seen, xml_text

from edgetl.errors import DatasetError, UsageError
from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.boxes.check import check_boxes
from edgetl.host.dataset.boxes.read import read_boxed
from edgetl.host.dataset.boxes.reformat import fresh_names, reformat

FORMATS = ("voc", "coco", "yolo", "csv")
ROWS = [("ace", 10, 20, 60, 70), ("king of spades", 80.123, 20.5, 130.987, 119.999)]


def draw_set(root, parts):
    for seed, part in enumerate(parts):
        for i in range(2):
            put_voc(root / part / f"{part}{i}.JPG", ROWS, seed=10 * seed + i)
    return root


def shape(root, *, flags=True):
    """Each photo by its content: its part, its size and its boxes, rounded to a thousandth of a px."""
    checked = check_boxes(root)
    return {
        record.digest: (
            photo.part,
            photo.size_wh,
            sorted(
                (box.label, *(round(v, 3) for v in box.xyxy), *((box.difficult, box.crowd) if flags else ()))
                for box in photo.boxes
            ),
        )
        for photo, record in zip(checked.photos, checked.records, strict=True)
    }


def same(a, b):
    assert a.keys() == b.keys()
    for key, (part, size, boxes) in a.items():
        assert (part, size) == b[key][:2]
        assert [row[0] for row in boxes] == [row[0] for row in b[key][2]]
        for row, other in zip(boxes, b[key][2], strict=True):
            assert row[1:5] == pytest.approx(other[1:5], abs=1.1e-3)
            assert row[5:] == other[5:]


@pytest.mark.parametrize("parts", [("",), ("train", "val"), ("train", "val", "test")])
@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("second", FORMATS)
def test_a_set_converted_twice_is_the_same(empty_home, parts, first, second):
    root = draw_set(empty_home.photos, parts)
    done = reformat(root, Path("one"), first)
    assert (done.photos, done.boxes, done.lost) == (2 * len(parts), 4 * len(parts), [])
    assert reformat(Path("one"), Path("two"), second).lost == []
    assert read_boxed(Path("one")).format == first
    assert read_boxed(Path("two")).format == second
    same(shape(root), shape(Path("one")))
    same(shape(root), shape(Path("two")))


@pytest.mark.parametrize("format_", FORMATS)
def test_large_photos_keep_a_thousandth_of_a_px(empty_home, format_):
    rows = [("ace", 1.2345, 2.3456, 3999.8765, 2999.7654)]
    draw_photo(empty_home.photos / "a.jpg", size_wh=(4000, 3000))
    put(empty_home.photos / "x.json", coco_text({"a.jpg": rows}, size_wh=(4000, 3000)))
    reformat(empty_home.photos, Path("new"), format_)
    (photo,) = check_boxes(Path("new")).photos
    assert photo.boxes[0].xyxy == pytest.approx(rows[0][1:], abs=1e-3)


@pytest.mark.parametrize(
    ("format_", "difficult", "lost"),
    [
        ("voc", True, []),
        ("coco", False, ["boxes no longer marked difficult, because COCO can't express it: 1"]),
        ("yolo", False, ["boxes no longer marked difficult, because YOLO can't express it: 1"]),
        (
            "csv",
            False,
            [
                "boxes no longer marked difficult, because CSV can't express it: 1",
                "photos without boxes, left out, because CSV can't express it: 1",
            ],
        ),
    ],
)
def test_difficult_marks_and_background_survive_where_the_format_can(empty_home, format_, difficult, lost):
    put_voc(empty_home.photos / "a.jpg", ROWS, difficult=(1,))
    put_voc(empty_home.photos / "b.jpg", [])
    done = reformat(empty_home.photos, Path("new"), format_)
    assert done.lost == lost
    report = check_boxes(Path("new")).report
    assert report.difficult == difficult
    assert report.photos == {"all": 1 if format_ == "csv" else 2}
    assert report.background == ({} if format_ == "csv" else {"all": 1})


@pytest.mark.parametrize("format_", FORMATS)
def test_crowd_marks_survive_in_coco(empty_home, format_):
    draw_photo(empty_home.photos / "a.jpg")
    put(empty_home.photos / "x.json", coco_text({"a.jpg": ROWS}, crowd=(1,)))
    done = reformat(empty_home.photos, Path("new"), format_)
    assert len(done.lost) == (format_ != "coco")
    assert check_boxes(Path("new")).report.crowd == (format_ == "coco")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_rotated_photo_is_converted_with_rotated_boxes(empty_home, format_):
    path = put_turned(empty_home.photos / "a.jpg", 6)
    put(path.with_suffix(".xml"), xml_text("a.jpg", [("ace", 20, 30, 70, 50)], (160, 120)))
    done = reformat(empty_home.photos, Path("new"), format_)
    assert done.lost == ["photos rotated by EXIF, boxes rotated with them: 1"]
    checked = check_boxes(Path("new"))
    assert checked.photos[0].boxes[0].xyxy == pytest.approx([float(v) for v in seen(path)])
    assert checked.report.mended == {}


@pytest.mark.parametrize("format_", FORMATS)
def test_photos_of_the_same_name_stay_apart(empty_home, format_):
    root = empty_home.photos
    for i, name in enumerate(("train/1.jpg", "train/deep/1.jpg", "val/1.jpg", "val/deep/1.PNG")):
        put_voc(root / name, [("ace", 10 + i, 20, 60, 70)], seed=i)
    reformat(root, Path("new"), format_)
    same(shape(root), shape(Path("new")))


def test_fresh_names():
    paths = ["x/1.jpg", "y/1.JPG", "y/1_2.png", "z/A.jpg", "z/a.png"]
    photos = [BoxedPhoto(Path(path), "", (), None, "") for path in paths]
    assert fresh_names(photos) == ["1.jpg", "1_3.JPG", "1_2.png", "A.jpg", "a_2.png"]


LABELS = [
    *("a, b", 'say "ace"', "it's; so", "m&m's <b>", "]]>", "# none", "- a", "? b", "a: b", "{a}", "[a]", "*a", "&a"),
    *("!a", "no", "null", "~", "1.0", "0x10", "1_0", "2024-02-30", "=1+1", "日本", "🔩 M4", "Ärger", "a  b", "`", "%"),
    *("c\u00a0d", "\ufeffa", "e\u200bf", "x" * 200, "word " * 39 + "end", "\\n", "../up", "a/b"),
]
NAMES = [
    *("plain.jpg", " blank .jpg", "tab\there.jpg", "line\nend.jpg", "back\\slash.jpg", "quote\"'.jpg", "a;b,c.jpg"),
    *("a 1.jpg", "a.jpg", "a.jpg.png", "a.PNG", "ä.jpg", "a\u0308.jpg", " .hid.jpg", "classes.jpg", "\udce4.jpg"),
    *("\u2028.jpg", "a..jpg", "-a.jpg", "#a.jpg", "%41.jpg", "train.jpg"),
]


@pytest.mark.parametrize("format_", FORMATS)
def test_whatever_is_written_reads_back_equal(empty_home, format_):
    root = empty_home.photos
    for seed, name in enumerate(NAMES):
        lines = [f"{i} 0.5 0.5 0.{i + 10} 0.5\n" for i in range(seed, len(LABELS), len(NAMES))]
        put((root / str(seed) / name).with_suffix(".txt"), "".join(lines))
        draw_photo(root / str(seed) / "x.jpg", seed=seed).rename(root / str(seed) / name)
    put(root / "data.yaml", "train: .\nval: .\n" + yaml.safe_dump({"names": LABELS}, default_style='"'))
    done = reformat(root, Path("new"), format_)
    assert (done.photos, done.boxes, done.lost) == (len(NAMES), len(LABELS), [])
    assert {box.label for photo in check_boxes(root).photos for box in photo.boxes} == set(LABELS)
    assert check_boxes(Path("new")).report.notes == []
    same(shape(root), shape(Path("new")))


def test_unreadable_photos_and_dropped_boxes_are_reported(empty_home):
    root = draw_set(empty_home.photos, ("",))
    put_voc(root / "x.jpg", [*ROWS, ("ace", 5, 5, 5, 5)])
    put_voc(root / "y.jpg", ROWS).write_bytes(b"junk")
    done = reformat(root, Path("new"), "coco")
    assert done.photos == 3
    assert done.lost[0] == "boxes without area, dropped: 1"
    assert done.lost[1].startswith("1 unreadable file left out: y.jpg: is not a JPEG")


def test_a_target_that_exists_or_lies_inside_the_source_is_refused(empty_home):
    root = draw_set(empty_home.photos, ("",))
    Path("there").mkdir()
    with pytest.raises(UsageError, match="the target exists already"):
        reformat(root, Path("there"), "coco")
    with pytest.raises(UsageError, match="the copy would lie inside the data set"):
        reformat(root, root / "new", "coco")
    assert not (root / "new").exists()


def test_an_unusable_set_writes_nothing(empty_home):
    put_voc(empty_home.photos / "a.jpg", [("ace", 1, 2, 30, 40), ("Ace", 1, 2, 30, 40)])
    with pytest.raises(DatasetError, match="differ only by case or spaces"):
        reformat(empty_home.photos, Path("new"), "coco")
    assert not Path("new").exists()


def test_a_failed_conversion_leaves_nothing_behind(empty_home, monkeypatch):
    root = draw_set(empty_home.photos, ("",))

    def fail(folder, photos):
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr("edgetl.host.dataset.boxes.coco.write", fail)
    before = sorted(path.name for path in empty_home.folder.iterdir())
    with pytest.raises(KeyboardInterrupt):
        reformat(root, Path("new"), "coco")
    assert sorted(path.name for path in empty_home.folder.iterdir() if path.name != "cache") == [
        name for name in before if name != "cache"
    ]


@pytest.mark.real_data
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    ("name", "photos", "boxes"), [("cards", 363, 670), pytest.param("bccd", 364, 4886, marks=pytest.mark.slow)]
)
def test_real_sets(data_folder, empty_home, format_, name, photos, boxes):
    root = data_folder / "detection" / name
    done = reformat(root, Path("new"), format_)
    assert (done.photos, done.boxes) == (photos, boxes)
    same(shape(root), shape(Path("new")))


@pytest.mark.parametrize("part", ["val", "test"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_set_without_photos_to_train_on(empty_home, part, form):
    root = draw_set(empty_home.photos, (part,))
    assert reformat(root, Path("copy"), form).boxes == 4
    same(shape(root), shape(Path("copy")))

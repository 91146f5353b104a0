"""A detector's HTML report: the numbers are the evaluation's, nothing is loaded from elsewhere, any case renders."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from pages import HOSTILE, Nesting, require_self_contained, words

from edgetl.card import Backbone, DatasetInfo, DetectorDecoding, InputSpec, ModelCard
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.detector_mistakes import Mistake
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.report.detector_training import write_detection_report
from edgetl.host.report.mistake_picture import scene
from edgetl.host.report.training_run import TrainingRun
from edgetl.vision import photo as photo_module

LABELS = ("ace", "king")


def truth(*rows, size_wh=(400, 300)):
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Truth(table[:, 1:], table[:, 0].astype(np.int64), np.zeros(len(table), bool), size_wh)


def found(*rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))


# Both aces and one of two kings are found, a king is called an ace, and an ace is where nothing is.
RESULT = DetectionEvaluation(
    LABELS,
    [truth((0, 10, 10, 110, 110), (1, 200, 50, 300, 150)), truth((0, 50, 50, 80, 80)), truth((1, 0, 0, 200, 200))],
    [
        found((0, 0.9, 10, 10, 110, 110), (0, 0.6, 200, 50, 300, 150)),
        found((0, 0.8, 50, 50, 80, 80), (0, 0.7, 200, 200, 250, 250)),
        found(),
    ],
)


def card_of(labels=LABELS, thresholds=(0.5,), name="cards"):
    return ModelCard(
        name,
        "detection",
        tuple(labels),
        InputSpec(320, 320, resize="letterbox"),
        DetectorDecoding(thresholds=thresholds),
        backbone=Backbone("mobilenet_v2", 0.35, "imagenet"),
        dataset=DatasetInfo("data", "0" * 64, 296, 67),
        created="2025-06-02T10:31:12+00:00",
    )


def history_of(epochs):
    names = ("stage", "epoch", "loss", "map", "map50", "learning_rate", "seconds")
    rows = [("all", n + 1, 2 / (n + 1), 0.1 + n / 100, 0.3 + n / 100, 1e-3, 30.0) for n in range(epochs)]
    return [dict(zip(names, row, strict=True)) for row in rows]


def write_photos(folder):
    files = [folder / f"photo{n}.png" for n in range(3)]
    for n, file in enumerate(files):
        cv2.imwrite(str(file), np.full((300, 400, 3), 60 * n, np.uint8))
    return files


def write_report(folder, evaluation=RESULT, seen=None, **parts):
    """Writes a report of three photos and returns its text; arguments replace the parts of it."""
    arguments = {
        "card": card_of(),
        "history": history_of(5),
        "data_summary": {"photos": {"train": 296}, "format": "Pascal VOC"},
        "settings": {"batch_size": 16, "augment": True},
    }
    run = TrainingRun(**{**arguments, **parts})
    write_detection_report(folder / "report" / "index.html", run, evaluation, seen)
    return (folder / "report" / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path)


@pytest.fixture
def written(tmp_path, photos):
    """Writes a report, see `write_report`."""
    return partial(write_report, tmp_path, photos=photos)


@pytest.fixture(scope="module")
def usual_folder(tmp_path_factory):
    """The folder of the photos in `usual_page`."""
    return tmp_path_factory.mktemp("usual")


@pytest.fixture(scope="module")
def usual_page(usual_folder):
    """The report of which no test replaces a part."""
    return write_report(usual_folder, photos=write_photos(usual_folder))


def percent(share):
    return f"{100 * share:.1f} %"


def test_the_figures_are_those_of_the_evaluation(usual_page):
    text = words(usual_page)
    assert f"{percent(RESULT.map)} mAP 50–95 on 3 validation photos {percent(RESULT.map50)} mAP 50" in text
    ap, ap50 = RESULT.by_class()["ace"]
    assert f"ace 2 {percent(ap)} {percent(ap50)} 0.50* 50.0 % 100.0 % 66.7 %" in text
    assert "king 2 0.0 % 0.0 % 0.50* – 0.0 % 0.0 %" in text
    assert text.index("king 2 0.0 %") < text.index("ace 2 ")
    sizes = RESULT.by_size()
    assert f"small 1 {percent(sizes['small'])} medium 0 – large 3 {percent(sizes['large'])}" in text
    assert "Number of missed boxes: 1 of 4." in text
    assert "Number of false alarms: 2 of 4 found boxes at the display thresholds" in text


def test_the_exactness_of_boxes_is_shown_beside_that_on_training_photos(written):
    moved = [Found(f.xyxy + np.float32(2), f.score, f.class_id) for f in RESULT.found]
    loose = DetectionEvaluation(LABELS, RESULT.truth, moved)
    page = written(evaluation=loose, seen=RESULT)
    text = words(page)
    assert "how far the edges of 2 of 4 boxes are from the true ones" in text
    # The input of 320 px shows a photo of 400 px at 0.8 of its size.
    assert "all 2 1.60 1.60 +1.60 ± 0.00 +1.60 ± 0.00 +1.60 ± 0.00 +1.60 ± 0.00" in text
    assert "small 1 1.60 1.60 +1.60 +1.60 +1.60 +1.60" in text
    assert text.count("validation training") == 2
    alone = written(evaluation=loose)
    assert alone != page
    assert "validation training" not in words(alone)


def test_headline_facts(usual_page):
    text = words(usual_page)
    for fact in ("296 to train, 67 to validate", "4 boxes to be found in 3 validation photos", "mobilenet_v2"):
        assert fact in text
    for fact in ("320 × 320 px", "5 epochs", "2 min 30 s", "stored epoch, 5 of 5 (all), with an mAP 50–95 of 14.0 %"):
        assert fact in text
    assert "chosen on these photos" in text
    assert "--batch-size 16 --augment yes" in text
    assert "Format Pascal VOC" in text


def test_the_reason_of_a_mistake_is_beside_its_picture(usual_page, usual_folder):
    text = words(usual_page)
    assert f"king 200 × 200 px {usual_folder.name}/photo2.png" in text
    assert f"ace 70.0 % nothing is there {usual_folder.name}/photo1.png" in text
    assert f"ace 60.0 % really king {usual_folder.name}/photo0.png" in text
    assert usual_page.count("data:image/jpeg;base64,") == 3
    assert usual_page.count('class="true strong"') == 1
    assert usual_page.count('class="found strong"') == 2
    assert ">ace 60%</text>" in usual_page


def test_page_loads_nothing_and_closes_its_elements(usual_page):
    require_self_contained(usual_page)
    assert Nesting(usual_page).tags.count("svg") == 7 + 3
    assert "#0102" not in usual_page, "a placeholder colour was left"


def test_labels_and_file_names_cannot_break_the_page(written, tmp_path):
    labels = (HOSTILE, "_king")
    hostile = tmp_path / "<b>&.png"
    text = written(
        card=card_of(labels, name=HOSTILE),
        evaluation=DetectionEvaluation(labels, RESULT.truth, RESULT.found),
        photos=[hostile] * 3,
        data_summary={HOSTILE: {HOSTILE: HOSTILE}},
        settings={HOSTILE: [HOSTILE]},
    )
    require_self_contained(text)
    assert "<b>&.png" not in text
    assert "_king</text>" in text, "an underscore hides a class from the legend"


def test_photos_that_are_gone_leave_a_placeholder(written, photos):
    photos[1].unlink()
    photos[2].write_bytes(b"")
    text = written()
    assert text.count("photo not readable") == 2
    assert text.count("data:image/jpeg") == 1


def test_nothing_found_at_all(written):
    result = DetectionEvaluation(LABELS, RESULT.truth, [found()] * 3)
    text = words(written(evaluation=result))
    assert "0.0 % mAP 50–95" in text
    assert "Number of missed boxes: 4 of 4." in text
    assert "Nothing was found at the display thresholds" in text
    assert "nan" not in text


def test_everything_right(written):
    right = [found(*[(c, 0.9, *box) for box, c in zip(t.xyxy, t.class_id, strict=True)]) for t in RESULT.truth]
    text = words(written(evaluation=DetectionEvaluation(LABELS, RESULT.truth, right)))
    assert "There are none: all 4 boxes were found" in text
    assert "There are none: all 4 found boxes at the display thresholds are right" in text


def test_the_figures_of_a_class_without_boxes_are_unknown(written):
    labels = (*LABELS, "ten")
    text = written(card=card_of(labels), evaluation=DetectionEvaluation(labels, RESULT.truth, RESULT.found))
    shown = words(text)
    assert "ten 0 – – 0.50* – – –" in shown
    assert shown.index("ace 2 ") < shown.index("ten 0 ")
    assert "nan" not in shown
    assert sum("  ten</text>" in svg for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)) == 0


def test_one_class(written):
    result = DetectionEvaluation(("ace",), [truth((0, 10, 10, 110, 110))], [found((0, 0.9, 12, 10, 110, 110))])
    text = written(card=card_of(("ace",)), evaluation=result)
    assert "mean of all</text>" not in text
    assert "1 box to be found in 1 validation photo<" in text


@pytest.mark.parametrize("count", [0, 2])
def test_photos_without_any_box(written, count):
    result = DetectionEvaluation(LABELS, [truth()] * count, [found((0, 0.9, 10, 10, 50, 50))] * count)
    text = words(written(evaluation=result, data_summary={}, settings={}))
    assert "– mAP 50–95" in text
    assert "have no boxes, so nothing was measured" in text
    assert ("nothing is there" in text) == bool(count)
    assert "nan" not in text


@pytest.mark.parametrize(("epochs", "drawn"), [(0, 5), (1, 7), (60, 7)])
def test_any_history(written, photos, epochs, drawn):
    for photo in photos:
        photo.unlink()
    text = written(history=history_of(epochs))
    assert Nesting(text).tags.count("svg") == drawn
    assert ("No epoch was trained" in text) == (epochs == 0)


def test_epochs_without_an_evaluation_leave_no_gap(written):
    rows = [{key: str(value) for key, value in row.items()} for row in history_of(6)]
    for row in rows[::2]:
        row["map"] = row["map50"] = ""
    assert "stored epoch, 6 of 6" in words(written(history=rows))


def test_of_many_classes_the_weakest_are_drawn(written):
    labels = [f"kind {n:02}" for n in range(30)]
    truths = [truth((n, 10, 10, 110, 110)) for n in range(30)]
    founds = [found((n, 0.9, 10, 10, 110, 110)) if n % 3 else found() for n in range(30)]
    text = written(
        card=card_of(labels), evaluation=DetectionEvaluation(labels, truths, founds), photos=[Path("gone")] * 30
    )
    assert "the 8 weakest of 30 classes" in words(text)
    lines = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)[2]
    assert re.findall(r">(\S+)\u202f%  kind (\d\d)</text>", lines) == [("0.0", f"{n:02}") for n in range(0, 24, 3)]
    assert "66.7\u202f%  mean of all</text>" in lines


def test_same_input_gives_the_same_bytes(usual_folder, usual_page):
    photos = [usual_folder / f"photo{n}.png" for n in range(3)]
    assert write_report(usual_folder, photos=photos) == usual_page


def test_the_picture_shows_what_is_in_the_box(tmp_path):
    frame = np.zeros((1200, 1600, 3), np.uint8)
    frame[900:1000, 1400:1500] = 255
    cv2.imwrite(str(tmp_path / "corner.jpg"), frame)
    result = DetectionEvaluation(("x",), [truth((0, 1400, 900, 1500, 1000), size_wh=(1600, 1200))], [found()])
    cut = scene(Mistake(0, 0, "x", "", 1.0), "true", result, tmp_path / "corner.jpg", np.array([0.5], np.float32))
    encoded = cut.picture.split(",")[1]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (cut.height, cut.width)
    (box,) = cut.boxes
    ys, xs = np.nonzero(picture > 127)
    seen = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert seen == pytest.approx((box.x, box.y, box.x + box.width, box.y + box.height), abs=3)
    assert box.strong
    assert 0 <= box.text_x <= cut.width
    assert 0 <= box.text_y <= cut.height


def test_crowded_pictures_name_only_the_mistake(photos):
    rows = [(0, 10 + 12 * n, 10, 35 + 12 * n, 60) for n in range(8)]
    result = DetectionEvaluation(("x",), [truth(*rows)], [found()])
    cut = scene(Mistake(0, 3, "x", "", 1.0), "true", result, photos[0], np.array([0.5], np.float32))
    assert [box.name for box in cut.boxes if box.name] == ["x"]
    assert cut.boxes[-1].strong


@pytest.mark.slow
def test_only_shown_photos_are_decoded_and_hundreds_take_seconds(written, photos, monkeypatch):
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 200, (200, 10, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + rng.uniform(20, 90, (200, 10, 2))], axis=2).astype(np.float32)
    classes = rng.integers(0, 2, (200, 10))
    none = np.zeros(10, bool)
    truths = [Truth(b, c, none, (400, 300)) for b, c in zip(boxes, classes, strict=True)]
    founds = [
        Found(np.tile(t.xyxy, (6, 1)) + rng.normal(0, 9, (60, 4)).astype(np.float32), s, np.tile(t.class_id, 6))
        for t, s in zip(truths, rng.random((200, 60)).astype(np.float32), strict=True)
    ]
    decoded = []
    whole = photo_module.decode_sized
    monkeypatch.setattr(
        photo_module, "decode_sized", lambda data, spec, where: decoded.append(where) or whole(data, spec, where)
    )
    start = time.process_time()
    written(evaluation=DetectionEvaluation(LABELS, truths, founds), photos=photos[:1] * 200)
    assert len(decoded) == 24
    assert time.process_time() - start < 30


def test_each_class_has_its_own_threshold(written):
    card = replace(card_of(), decoding=DetectorDecoding(thresholds=(0.75, 0.3)))
    text = words(written(card=card))
    assert "There are none: all 2 found boxes at the display thresholds are right" in text
    assert "0.75* 100.0 % 100.0 % 100.0 %" in text

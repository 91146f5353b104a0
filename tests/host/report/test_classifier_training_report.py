"""The HTML reports: the numbers are the evaluation's, nothing is loaded from elsewhere, labels can't break the page."""

import math
import re
from functools import partial

import cv2
import numpy as np
import pytest
from pages import HOSTILE, Nesting, require_self_contained, words

from edgetl.bundle import GoldenPhoto, Manifest, Measurement, Variant
from edgetl.card import Backbone, DatasetInfo, InputSpec, ModelCard
from edgetl.host.evaluate.classifier_tables import confidence_interval, threshold_rows, worst_mistakes
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.report.classifier_training import write_training_report
from edgetl.host.report.conversion import write_conversion_report
from edgetl.host.report.training_run import TrainingRun

LABELS = ("cat", "dog", "owl")


def evaluation_of(truth, predicted, scores=None, labels=LABELS):
    best = np.linspace(0.5, 0.95, len(truth)) if scores is None else scores
    table = np.repeat(((1 - np.asarray(best)) / (len(labels) - 1))[:, None], len(labels), axis=1)
    table[np.arange(len(truth)), predicted] = best
    return Evaluation(tuple(labels), np.asarray(truth, np.int64), table.astype(np.float32))


def card_of(labels=LABELS, name="pets"):
    return ModelCard(
        name,
        "classification",
        tuple(labels),
        InputSpec(160, 192),
        backbone=Backbone("mobilenet_v2", 0.75, "imagenet"),
        dataset=DatasetInfo("data", "0" * 64, 1234, 56),
        created="2025-06-02T10:31:12+00:00",
    )


def history_of(head, finetune):
    stages = ["head"] * head + ["finetune"] * finetune
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
    values = [(1 / (n + 1), 0.5 + n / 100, 1.2 / (n + 1), 0.4 + n / 100, 1e-3, 30.0) for n in range(len(stages))]
    return [
        {"stage": stage, "epoch": n + 1, **dict(zip(names, row, strict=True))}
        for n, (stage, row) in enumerate(zip(stages, values, strict=True))
    ]


def write_photos(folder):
    files = [folder / f"photo{n}.png" for n in range(6)]
    for n, file in enumerate(files):
        cv2.imwrite(str(file), np.full((300, 400, 3), 40 * n, np.uint8))
    return files


def write_report(folder, evaluation=None, **parts):
    """Writes a training report of six photos and returns its text; arguments replace the parts of it."""
    arguments = {
        "card": card_of(),
        "history": history_of(3, 2),
        "data_summary": {"photos": 6, "unreadable": ["a/b.jpg: is truncated"], "classes": {"cat": {"train": 401}}},
        "settings": {"batch_size": 32, "augment": True, "config": None},
    }
    evaluation = evaluation or evaluation_of([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 0, 2])
    write_training_report(folder / "report" / "index.html", TrainingRun(**{**arguments, **parts}), evaluation)
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


def measured_of(top1, worst):
    return Measurement(top1, 0.9 - top1, worst, 0.03, 0.97, 0.012, 3.21)


def manifest_of(labels=LABELS, note="", accuracies=(0.9, 0.89, 0.5)):
    variants = [
        Variant(recipe, "tflite", "", "", size, "", "", measured_of(top1, labels[0]), ok, note)
        for recipe, size, top1, ok in zip(
            ("float32", "int8", "int8_all"), (9_000_000, 2_621_440, 0), accuracies, (True, True, False), strict=True
        )
    ]
    golden = (GoldenPhoto("golden/00.png", "ab" * 32, labels[0]),)
    return Manifest(card_of(labels), "rpi4", 4, "int8", tuple(variants), golden)


def test_the_figures_are_those_of_the_evaluation(usual_page):
    text = words(usual_page)
    assert "66.7 % top-1 on 6 validation photos" in text
    assert "cat 2 50.0 % 50.0 % 50.0 %" in text
    assert "dog 2 66.7 % 100.0 % 80.0 %" in text
    assert "owl 2 100.0 % 50.0 % 66.7 %" in text
    assert text.index("cat 2 50.0 %") < text.index("owl 2") < text.index("dog 2 66.7 %")
    assert "Number of wrong predictions: 2 of 6 photos" in text
    assert "owl cat 1 50.0 %" in text


def test_headline_facts(usual_page):
    text = words(usual_page)
    for fact in ("1290", "1234 to train, 56 to validate", "mobilenet_v2", "width ×0.75, weights: imagenet"):
        assert fact in text
    for fact in (
        "192 × 160 px",
        "5 epochs",
        "2 min 30 s",
        "2025-06-02",
        "stored epoch, 5 of 5 (finetune), with 44.0 %",
    ):
        assert fact in text


def test_data_and_settings_are_shown_generically(usual_page):
    text = words(usual_page)
    assert "Unreadable files a/b.jpg: is truncated" in text
    assert "Class train cat 401" in text
    assert "--batch-size 32 --augment yes --config –" in text


def test_page_loads_nothing_and_closes_its_elements(usual_page, tmp_path):
    write_conversion_report(tmp_path / "conversion.html", manifest_of())
    for text in (usual_page, (tmp_path / "conversion.html").read_text(encoding="utf-8")):
        require_self_contained(text)


def test_figures_and_photos_are_inlined(usual_page):
    assert Nesting(usual_page).tags.count("svg") == 3
    assert usual_page.count("data:image/jpeg;base64,") == 7, "two mistakes, and two confused pairs with five photos"
    assert "finetune</text>" in usual_page
    assert "#0102" not in usual_page, "a placeholder colour was left"


def test_labels_cannot_break_the_page(written, tmp_path):
    labels = (HOSTILE, "dog", "owl")
    text = written(
        card=card_of(labels, name=HOSTILE),
        evaluation=evaluation_of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 2], labels=labels),
        data_summary={HOSTILE: {HOSTILE: {HOSTILE: HOSTILE}}},
        settings={HOSTILE: [HOSTILE]},
    )
    write_conversion_report(tmp_path / "conversion.html", manifest_of(labels, note=HOSTILE))
    for page in (text, (tmp_path / "conversion.html").read_text(encoding="utf-8")):
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_missing_and_broken_photos_leave_a_placeholder(written, photos):
    photos[1].unlink()
    photos[4].write_bytes(b"")
    text = written()
    assert text.count("photo not readable") == 4, "each as a mistake and in its confused pair"
    assert text.count("data:image/jpeg") == 3


@pytest.mark.parametrize(("head", "finetune", "drawn"), [(0, 0, 1), (1, 0, 3), (4, 0, 3), (30, 30, 3)])
def test_any_history(written, head, finetune, drawn):
    text = written(history=history_of(head, finetune))
    assert Nesting(text).tags.count("svg") == drawn
    assert ("No epoch was trained" in text) == (drawn == 1)
    assert ("stroke-dasharray" in text) == bool(finetune)


def test_history_as_read_back_from_csv(written):
    rows = [{key: str(value) for key, value in row.items()} for row in history_of(2, 1)]
    assert "1 min 30 s" in words(written(history=rows))


def test_a_report_without_mistakes(written):
    text = words(written(evaluation=evaluation_of([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2])))
    assert "100.0 % top-1" in text
    assert "all 6 validation photos were recognised correctly" in text
    assert "mix-ups" not in text


def test_a_report_without_validation_photos(written):
    nothing = Evaluation(LABELS, np.empty(0, np.int64), np.empty((0, 3), np.float32))
    text = words(written(evaluation=nothing, photos=[], data_summary={}, settings={}))
    assert "– top-1 on 0 validation photos" in text
    assert "nan" not in text


def test_many_classes_are_drawn_without_counts(written, photos):
    labels = [f"species {n}" for n in range(200)]
    truth = np.repeat(np.arange(200), 5)
    evaluation = evaluation_of(truth, (truth + (np.arange(1000) % 7 == 0)) % 200, labels=labels)
    text = written(card=card_of(labels), evaluation=evaluation, photos=photos[:1] * 1000)
    matrix = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)[-1]
    assert matrix.count("<text") == 2 * 40 + 2
    assert len(text) < 500_000


def test_same_input_gives_the_same_bytes(usual_folder, usual_page):
    photos = [usual_folder / f"photo{n}.png" for n in range(6)]
    assert write_report(usual_folder, photos=photos) == usual_page


def test_worst_mistakes_come_most_confident_first(photos):
    evaluation = evaluation_of([0, 0, 1, 1, 2, 2], [1, 0, 0, 1, 0, 1], scores=[0.6, 0.99, 0.9, 0.8, 0.7, 0.9])
    mistakes = worst_mistakes(evaluation, photos, most=3)
    assert [(m.photo, m.truth, m.predicted) for m in mistakes] == [
        (photos[2], "dog", "cat"),
        (photos[5], "owl", "dog"),
        (photos[4], "owl", "cat"),
    ]
    assert [m.score for m in mistakes] == pytest.approx([0.9, 0.9, 0.7])


def test_thresholds_count_what_is_answered_and_right():
    rows = threshold_rows(evaluation_of([0, 0, 1, 1], [0, 1, 1, 1], scores=[0.55, 0.65, 0.85, 0.92]))
    found = {row.threshold: (row.answered, row.right) for row in rows}
    assert found[0.0] == (1.0, 0.75)
    assert found[0.6] == (0.75, pytest.approx(2 / 3))
    assert found[0.9] == (0.25, 1.0)
    assert found[0.95][0] == 0
    assert math.isnan(found[0.95][1])


def test_confidence_interval_is_wilsons():
    assert confidence_interval(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert confidence_interval(1.0, 20)[1] == pytest.approx(1)


def test_the_conversion_report_shows_every_variant(tmp_path):
    write_conversion_report(tmp_path / "conversion.html", manifest_of(note="first layer in float"))
    page = (tmp_path / "conversion.html").read_text(encoding="utf-8")
    assert Nesting(page).tags.count("svg") == 3
    text = words(page)
    assert "89.0 % top-1 of the chosen variant, int8 −1.0 percentage points" in text
    assert "int8 accepted 89.0 % −1.0 cat −3.0 97.0 % 0.012 2.62 MB 3.21 ms" in text
    assert "int8_all refused 50.0 % −40.0 cat −3.0 97.0 % 0.012 – 3.21 ms" in text
    assert "cat golden/00.png" in text
    assert "first layer in float" in text


def test_conversion_report_with_nothing_measured_of_a_refused_variant(tmp_path):
    write_conversion_report(tmp_path / "conversion.html", manifest_of(accuracies=(0.9, 0.9, math.nan)))
    assert "nan" not in words((tmp_path / "conversion.html").read_text(encoding="utf-8"))


def test_a_file_name_that_isnt_utf8_breaks_no_report(written):
    summary = {"photos": 6, "unreadable": ["caf\udce9/b.jpg: is truncated"], "classes": {"cat": {"train": 401}}}
    page = written(card=card_of(name="pets"), data_summary=summary, settings={"data": "/photos/caf\udce9"})
    assert page.count("caf\\udce9") == 2

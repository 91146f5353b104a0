"""A classifier's report shows a verdict, the data curve, the suspects and the confused pairs."""

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pages import HOSTILE, require_self_contained, words

from edgetl.card import Backbone, DatasetInfo, InputSpec, ModelCard
from edgetl.errors import ModelError
from edgetl.host.evaluate.confused_pairs import confused_pairs
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.probe.data_curve import CurvePoint
from edgetl.host.probe.folds import Estimate
from edgetl.host.probe.photo_review import ClassGain, PhotoReview, SuspectPhoto
from edgetl.host.report.classifier_training import write_training_report
from edgetl.host.report.review_files import read_review, write_review
from edgetl.host.report.review_sentences import gain_sentence, suspects_sentence
from edgetl.host.report.training_run import Ending, TrainingRun, Verdict

LABELS = ("cat", "dog", "owl")
LOOKS, SAME = "looks like another class", "same photo in another class"


def point(photos, accuracy):
    return CurvePoint(photos, Estimate(accuracy, accuracy - 0.02, accuracy + 0.02))


REVIEW = PhotoReview(
    measured=(point(50.0, 0.6), point(100.0, 0.7), point(200.0, 0.75), point(400.0, 0.78)),
    fitted=tuple(point(50.0 * 2**n, 0.6 + 0.05 * n) for n in range(5)),
    gain=Estimate(0.021, 0.004, 0.041),
    class_gains=(ClassGain("owl", 20, 0.5, 0.12), ClassGain("cat", 190, 0.9, 0.01), ClassGain("dog", 190, 0.9, 0.0)),
    reviewed=500,
    suspects=(
        SuspectPhoto("dog/copy.png", "train", "dog", "owl", SAME),
        SuspectPhoto("cat/0.png", "train", "cat", "dog", LOOKS, 0.02, 0.97),
        SuspectPhoto("cat/1.png", "val", "cat", "owl", LOOKS, 0.3, 0.5),
    ),
)


@pytest.fixture
def written(tmp_path):
    """Writes a report of six photos and returns its text."""
    (tmp_path / "cat").mkdir()
    photos = [tmp_path / "cat" / f"{n}.png" for n in range(6)]
    for n, photo in enumerate(photos):
        cv2.imwrite(str(photo), np.full((30, 40, 3), 40 * n, np.uint8))

    def write(review, labels=LABELS, verdict=None):
        dataset = DatasetInfo(str(tmp_path), "0" * 64, 400, 6)
        card = ModelCard(
            "pets", "classification", labels, InputSpec(96, 96), backbone=Backbone("a", 1, "b"), dataset=dataset
        )
        truth, predicted = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 0, 2, 2])
        evaluation = Evaluation(labels, truth, np.eye(3, dtype=np.float32)[predicted])
        run = TrainingRun(card, [], photos, {}, {}, Ending(verdict=verdict))
        write_training_report(tmp_path / "report" / "index.html", run, evaluation, review)
        return (tmp_path / "report" / "index.html").read_text(encoding="utf-8")

    return write


def test_the_report_has_the_verdict_the_curve_the_suspects_and_the_pairs(written):
    page = written(REVIEW, verdict=Verdict("Good enough to assist.", "Take more photos of owl."))
    require_self_contained(page)
    text = words(page)
    assert text.index("Good enough to assist. Next: Take more photos of owl.") < text.index("Are there enough photos?")
    assert "Twice the photos should bring about +2 points (0 to 4). Most would gain: owl." in text
    assert "owl 20 50.0 % +12.0" in text
    assert "dog 97.0 % in folder cat cat/0.png" in text
    assert "owl in folder dog same photo in another class" in text
    assert "dog and cat: 3 photos dog taken for cat: 2" in text
    assert page.count("<svg") == 2, "the confusion matrix and the data curve"


def test_without_a_review_the_reason_is_given(written):
    assert "began with random weights" in words(written(PhotoReview(missing="The training began with random weights.")))
    text = words(written(PhotoReview()))
    assert "enough photos" not in text
    assert "probably wrong" not in text
    assert "Check whether some of these photos are in the wrong class folder" in text


def test_hostile_names_break_neither_page_nor_table(written, tmp_path):
    suspect = SuspectPhoto(f"{HOSTILE}/=1.png", "train", HOSTILE, "=cmd()", LOOKS, 0.1, 0.9)
    review = replace(REVIEW, suspects=(suspect,), class_gains=(ClassGain(HOSTILE, 1, 0.0, 0.5),))
    assert "<script" not in written(review, labels=(HOSTILE, "dog", "owl"))
    write_review(tmp_path, review)
    rows = list(csv.DictReader((tmp_path / "suspects.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0]["label"] == HOSTILE
    assert rows[0]["looks_like"] == "'=cmd()"


def test_the_review_is_read_back_as_it_was_written(tmp_path):
    write_review(tmp_path / "report", REVIEW)
    assert read_review(tmp_path) == REVIEW
    (tmp_path / "report" / "photos.json").write_text("{")
    with pytest.raises(ModelError) as caught:
        read_review(tmp_path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        (Estimate(0.021, 0.001, 0.044), "about +2 points (0 to 4)"),
        (Estimate(0.002, 0.0, 0.006), "hardly anything: about +0.2 points (0.0 to 0.6)"),
        (Estimate(0.05, 0.0, 0.4), "too few validation photos"),
    ],
)
def test_the_gain_is_worded_with_its_interval(gain, text):
    assert text in gain_sentence(replace(REVIEW, gain=gain))


def test_the_number_of_suspects_and_of_clear_ones_is_named():
    assert suspects_sentence(REVIEW).startswith(
        "2 labels look clearly wrong, and 1 photo looks less clearly like another class"
    )
    unclear = replace(REVIEW, suspects=REVIEW.suspects[2:])
    assert suspects_sentence(unclear).startswith(
        "No label looks clearly wrong, and 1 photo looks less clearly like another class"
    )


def test_two_equal_photos_in_two_classes_have_one_wrong_label():
    pair = [
        SuspectPhoto(f"{a}/copy.png", "train", a, b, SAME, copy_of="cat/copy.png")
        for a, b in (("cat", "dog"), ("dog", "cat"))
    ]
    review = replace(REVIEW, suspects=(*pair, REVIEW.suspects[1]))
    assert review.clear == 2
    assert suspects_sentence(review).startswith("2 labels look clearly wrong:")


def test_copies_are_shown_without_judging_heads_that_were_not_used(written):
    text = words(written(PhotoReview(missing="Random weights.", suspects=REVIEW.suspects[:1])))
    assert "1 label looks clearly wrong" in text
    assert "Each of" not in text


def test_pairs_count_both_directions_and_show_a_recognised_photo_beside(tmp_path):
    truth, predicted = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 1, 1, 1, 0])
    photos = [tmp_path / str(n) for n in range(7)]
    pairs = confused_pairs(Evaluation(LABELS, truth, np.eye(3, dtype=np.float32)[predicted]), photos)
    assert [(pair.first.label, pair.second.label, pair.count) for pair in pairs] == [
        ("cat", "dog", 2),
        ("owl", "cat", 1),
        ("owl", "dog", 1),
    ]
    assert pairs[0].first.examples == tuple(photos[:2])
    assert pairs[0].second.taken == 0
    assert pairs[0].second.examples == tuple(photos[3:5])
    assert not confused_pairs(Evaluation(LABELS, truth, np.eye(3, dtype=np.float32)[truth]), photos)

"""Heads: which one reads a model's outputs, what it reads, and which outputs it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.card import ClassifierDecoding, DetectorDecoding, InputSpec, ModelCard
from edgetl.device.inference.classifier_head import ClassifierHead
from edgetl.device.inference.detector_heads import DetectorHead, PostprocessedHead, _slack
from edgetl.device.inference.heads import open_head
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError
from edgetl.vision.filter import ResultFilter

ALL = ResultFilter()
SPEC = InputSpec(32, 32)  # four cells of stride 16


def detector(labels="abc", **decoding):
    return ModelCard("d", "detection", tuple(labels), SPEC, DetectorDecoding(**({"strides": (16,)} | decoding)))


class Outputs:
    """A stand-in for a runtime after an inference, with outputs by their names."""

    def __init__(self, **arrays):
        self.arrays = list(arrays.values())
        self.outputs = tuple(Tensor(name, array.shape, str(array.dtype)) for name, array in arrays.items())

    def output_view(self, index):
        return self.arrays[index][0]


def zeros(*shape):
    return np.zeros(shape, np.float32)


def test_the_card_chooses_the_head():
    classifier = ModelCard("c", "classification", ("a", "b"), SPEC)
    post = Outputs(b=zeros(1, 5, 4), c=zeros(1, 5), s=zeros(1, 5), n=zeros(1))
    assert isinstance(open_head(Outputs(x=zeros(1, 2)), classifier, ALL), ClassifierHead)
    assert isinstance(
        open_head(Outputs(logits=zeros(1, 4, 3), distances=zeros(1, 4, 4)), detector(), ALL), DetectorHead
    )
    assert isinstance(open_head(post, detector(kind="postprocessed"), ALL), PostprocessedHead)


@pytest.mark.parametrize("kind", ["ltrb", "postprocessed"])
def test_a_portable_variant_is_known_by_its_outputs_despite_its_bundles_card(kind):
    boxes = np.array([[[0.25, 0.0, 0.75, 0.5], [0.0, 0.0, 0.0, 0.0]]], np.float32)
    scores, card = np.array([[0.9, 0.0]], np.float32), detector(kind=kind, thresholds=(0.0,))
    shares = Outputs(scores=scores, labels=np.array([[2, 0]], np.int32), bboxes=boxes)
    yxyx, classes = boxes[..., [1, 0, 3, 2]], np.array([[2, 0]], np.float32)
    counted = Outputs(boxes=yxyx, classes=classes, scores=scores, count=np.ones((1, 1), np.float32)[0])
    for outputs in (shares, counted):
        head = open_head(outputs, card, ALL)
        assert isinstance(head, PostprocessedHead)
        found = head((64, 64))
        assert found.labels == ("c",)
        assert found.xyxy.tolist() == [[16.0, 0.0, 48.0, 32.0]]


@pytest.mark.parametrize("decoding", ["probabilities", "logits"])
def test_a_classifier_reports_only_the_classes_of_its_filter(decoding):
    card = ModelCard("c", "classification", tuple("abcd"), SPEC, ClassifierDecoding(decoding, threshold=0.1))
    scores = np.array([[0.4, 0.05, 0.3, 0.25]], np.float32)
    head = open_head(Outputs(x=scores if decoding == "probabilities" else np.log(scores)), card, ResultFilter())
    assert head((1, 1)).labels == ("a",)
    for only, labels in (
        (ResultFilter(top_k=4), "acd"),
        (ResultFilter(top_k=4, threshold=0.0), "acdb"),
        (ResultFilter(classes=("d", "b"), top_k=4), "d"),
        (ResultFilter(classes=("d", "c", "c"), top_k=4), "cd"),
        (ResultFilter(classes=("d", "b")), "d"),
        (ResultFilter(classes=("b",)), ""),
        (ResultFilter(classes=("b",), threshold=0.0), "b"),
        (ResultFilter(threshold=0.5), ""),
        (ResultFilter(classes=(), threshold=0.0), ""),
        (ResultFilter(classes=(), top_k=4), ""),
    ):
        head.choose(only)
        result = head((1, 1))
        assert result.labels == tuple(labels)
        assert [card.labels[i] for i in result.class_id] == list(labels)
        assert result.score.tolist() == pytest.approx([scores[0, i] for i in result.class_id])


@pytest.mark.parametrize(
    ("shapes", "match"),
    [
        ({"x": (1, 3), "y": (1, 3)}, "a classifier has one output"),
        ({"x": (1, 3, 1)}, "a classifier has one output"),
        ({}, "but the model has no outputs"),
        ({"x": (1, 4)}, "4 classes, but there are 3 labels"),
    ],
)
def test_outputs_that_are_not_a_classifiers_are_refused(shapes, match):
    card = ModelCard("c", "classification", tuple("abc"), SPEC)
    with pytest.raises(ModelError, match=match) as caught:
        open_head(Outputs(**{name: zeros(*shape) for name, shape in shapes.items()}), card, ALL)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("labels", "shapes", "match"),
    [
        ("abc", {"logits": (1, 4, 3)}, "but this has logits"),
        ("abc", {"logits": (1, 4, 3), "distances": (1, 4, 4), "more": (1, 1)}, "but this has logits"),
        ("abc", {"x": (1, 4, 3), "y": (1, 4, 5)}, "a detector has logits"),
        ("abcd", {"x": (1, 4, 4), "y": (1, 4, 4)}, "neither names nor shapes say which output"),
        (
            "abcd",
            {"x": (1, 4, 4), "distances": (1, 4, 4)},
            "neither names nor shapes say which output",
        ),
        ("abc", {"x": (1, 4, 4), "y": (4, 3)}, r"the logits of a detector are \(1, cells, classes\)"),
        ("abc", {"logits": (1, 4, 5), "distances": (1, 4, 4)}, "5 classes, but there are 3 labels"),
        ("abc", {"logits": (1, 4, 3), "distances": (1, 4, 3)}, "make 4 cells, but the model has logits"),
        ("abc", {"logits": (1, 5, 3), "distances": (1, 4, 4)}, "make 4 cells"),
        ("abc", {"logits": (1, 5, 3), "distances": (1, 5, 4)}, "make 4 cells"),
    ],
)
def test_outputs_that_are_not_a_detectors_are_refused(labels, shapes, match):
    runtime = Outputs(**{name: zeros(*shape) for name, shape in shapes.items()})
    with pytest.raises(ModelError, match=match) as caught:
        open_head(runtime, detector(labels), ALL)
    assert caught.value.remedy


def test_named_outputs_of_a_detector_with_four_classes_are_told_apart():
    logits, distances = zeros(1, 4, 4) - 5, zeros(1, 4, 4)
    logits[0, 1, 2] = 5
    for runtime in (Outputs(logits=logits, distances=distances), Outputs(distances=distances, logits=logits)):
        head = open_head(runtime, detector("abcd"), ALL)
        assert head((32, 32)).labels == ("c",)
        head.choose(ResultFilter(classes=()))
        assert head((32, 32)).labels == ()


@pytest.mark.parametrize(
    ("boxes", "classes", "count", "dtype"),
    [
        ((1, 5, 4), (1, 6), (1,), "float32"),
        ((1, 5, 3), (1, 5), (1,), "float32"),
        ((1, 5, 4), (1, 5), (1, 1), "float32"),
        ((1, 5, 4), (1, 5), (1,), "uint8"),
        ((5, 4), (1, 5), (1,), "float32"),
    ],
)
def test_outputs_that_are_not_an_ssds_are_refused(boxes, classes, count, dtype):
    runtime = Outputs(b=zeros(*boxes).astype(dtype), c=zeros(*classes), s=zeros(1, 5), n=zeros(*count))
    with pytest.raises(ModelError, match="an SSD has boxes"):
        open_head(runtime, detector(kind="postprocessed"), ALL)


def test_the_filters_overlap_replaces_the_cards():
    logits, distances = zeros(1, 4, 3) - 9, zeros(1, 4, 4) + np.float32(np.log(np.expm1(0.75)))
    logits[0, 0, 0], logits[0, 1, 0], logits[0, 2, 1] = 3, 2, 1  # the first shares a quarter with each of the others
    head = open_head(Outputs(logits=logits, distances=distances), detector(iou=0.2, max_det=9), ALL)
    for only, labels in (
        (ALL, "ab"),
        (ResultFilter(iou=0.3), "aab"),
        (ResultFilter(agnostic=True), "a"),
        (ResultFilter(agnostic=True, iou=0.3), "aab"),
        (ResultFilter(iou=0.3, max_det=2), "aa"),
    ):
        head.choose(only)
        assert head((32, 32)).labels == tuple(labels), only


def test_an_ssds_boxes_are_suppressed_again_if_the_filter_says_so():
    boxes = np.array([[[0, 0, 1, 1], [0, 0, 1, 0.8], [0, 0, 1, 0.9], [0, 0, 9, 9]]], np.float32)
    arrays = {"s": np.array([[0.9, 0.8, 0.7, 0.9]], np.float32), "b": boxes, "n": np.array([3], np.float32)}
    runtime = Outputs(**arrays, c=np.array([[0, 0, 1, 2]], np.float32))
    card = detector(kind="postprocessed", thresholds=(0.5,), strides=(), iou=0.6, max_det=4)
    head = open_head(runtime, card, ALL, (1, 3, 0, 2))
    for only, labels in (
        (ALL, "aab"),  # as the model left them
        (ResultFilter(iou=0.7), "ab"),
        (ResultFilter(iou=0.85), "aab"),
        (ResultFilter(agnostic=True), "a"),
        (ResultFilter(agnostic=True, iou=0.85), "aa"),
        (ResultFilter(max_det=1), "a"),
        (ResultFilter(threshold=0.75), "aa"),
        (ResultFilter(classes=("b", "c")), "b"),
    ):
        head.choose(only)
        result = head((200, 100))
        assert result.labels == tuple(labels), only
        assert result.xyxy[:, 3].tolist() == [100] * len(labels)


def test_there_is_no_slack_if_boxes_of_any_class_suppress_each_other():
    assert _slack(ResultFilter(slack=0.5)) == 0.5
    assert _slack(ResultFilter(slack=0.5, agnostic=True)) == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_boxes_that_are_not_finite_are_dropped_and_logged_once(value, caplog):
    logits, distances = np.full((1, 4, 3), 5, np.float32), zeros(1, 4, 4)
    own = open_head(Outputs(logits=logits, distances=distances), detector(), ALL)
    boxes, count = np.full((1, 2, 4), 0.5, np.float32) * [0, 0, 1, 1], np.array([2], np.float32)
    arrays = {"boxes": boxes.astype(np.float32), "classes": zeros(1, 2), "scores": zeros(1, 2) + 0.9}
    ssd = open_head(Outputs(**arrays, count=count), detector(kind="postprocessed"), ALL)
    for head, damaged in ((own, (logits, distances)), (ssd, (*arrays.values(), count))):
        assert len(head((64, 64)))
        caplog.clear()
        for array in damaged:
            undamaged = array.flat[0]
            array.flat[0] = value
            assert len(head((64, 64))) == 0
            array.flat[0] = undamaged
        assert len(caplog.records) == 1
        assert len(head((64, 64)))


@pytest.mark.parametrize("count", [-3, 0, 2, 1e9])
def test_an_ssds_count_is_limited_to_its_boxes(count):
    boxes = np.array([[[0, 0, 1, 1], [0, 0, 0.5, 0.5]]], np.float32)
    outputs = Outputs(boxes=boxes, classes=zeros(1, 2), scores=zeros(1, 2) + 0.9, count=np.array([count], np.float32))
    assert len(open_head(outputs, detector(kind="postprocessed"), ALL)((64, 64))) == (2 if count > 0 else 0)

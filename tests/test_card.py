from __future__ import annotations

import dataclasses
import json
import os

import pytest

from edgetl.card import Backbone, ClassifierDecoding, DatasetInfo, DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import ModelError

CARD = ModelCard(
    name="parts",
    task="classification",
    labels=("bolt", "nüt"),
    input=InputSpec(96, 128, "bgr", "crop", "area"),
    decoding=ClassifierDecoding("logits", 0.25),
    backbone=Backbone("mobilenet_v2", 0.35, "imagenet", "", "0..1"),
    dataset=DatasetInfo("photos", "ab" * 32, 80, 20, 3, 0.25),
    metrics={"top1": 0.9875},
    created="2026-01-02T03:04:05+00:00",
    version="0.1.0",
)

DETECTOR = dataclasses.replace(
    CARD,
    task="detection",
    input=InputSpec(320, 320, resize="letterbox"),
    decoding=DetectorDecoding((16, 32), (0.2, 0.35), 0.6, 50),
)


def test_a_card_is_read_as_it_was_written(tmp_path):
    (tmp_path / "card.json").write_text(CARD.to_json())
    assert ModelCard.load(tmp_path / "card.json") == CARD


def test_a_card_may_lack_backbone_and_dataset():
    card = ModelCard("foreign", "classification", ("a",), InputSpec(8, 8))
    assert ModelCard.from_dict(json.loads(card.to_json()), where="x") == card


@pytest.mark.parametrize("thresholds", [(0.2, 0.35), (0.3,)])
def test_a_detectors_card_is_read_as_it_was_written(thresholds):
    card = dataclasses.replace(DETECTOR, decoding=dataclasses.replace(DETECTOR.decoding, thresholds=thresholds))
    assert ModelCard.from_dict(json.loads(card.to_json()), where="x") == card


def test_detectors_decoding_has_defaults_for_all_but_one_key():
    data = json.loads(DETECTOR.to_json()) | {"decoding": {"kind": "ltrb"}}
    assert ModelCard.from_dict(data, where="x").detector == DetectorDecoding((8, 16, 32), (0.25,), 0.5, 100)


def test_a_card_older_than_detectors_is_read():
    data = changed()
    assert data["decoding"] == {"scores": "logits", "threshold": 0.25}
    assert ModelCard.from_dict(data, where="x") == CARD
    del data["decoding"]
    assert ModelCard.from_dict(data, where="x").decoding == ClassifierDecoding()
    assert ModelCard.from_dict(data | {"decoding": {}}, where="x").decoding == ClassifierDecoding()


def test_a_card_has_the_decoding_of_its_task_only():
    assert CARD.classifier == CARD.decoding
    assert DETECTOR.detector == DETECTOR.decoding
    with pytest.raises(ModelError, match="a classifier is needed here"):
        _ = DETECTOR.classifier
    with pytest.raises(ModelError, match="a detector is needed here"):
        _ = CARD.detector


def found(**values):
    return changed(task="detection", decoding={"strides": [8, 16]} | values)


def changed(**values):
    return json.loads(CARD.to_json()) | values


ONE = {"weights": "starter", "network": "mobilenet_v2 0.35", "figure": 0.9}
RACE_OF_ONE = {"ranking": [ONE], "default": "starter", "race": [ONE], "epochs": 3, "chosen": "starter"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(colour="red"), "unknown key colour; allowed: name, task, labels"),
        (changed(input={"height": 8, "width": 8, "depth": 3}), "unknown key input.depth"),
        (changed(labels="bolt"), "labels must be a list"),
        (changed(labels=["bolt", 3]), "labels[1] must be str, got int '3'"),
        (changed(task="segmentation"), "task must be one of classification"),
        (changed(input={"height": "8", "width": 8}), "input.height must be int, got str '8'"),
        (changed(input={"height": 8}), "missing key input.width"),
        (changed(metrics={"top1": None}), "metrics.top1 must be float"),
        (changed(labels=[]), "labels are empty or repeat"),
        (changed(start=RACE_OF_ONE), "start.race must have no results or two, got 1"),
        (changed(labels=["a", "a"]), "labels are empty or repeat"),
        (changed(input={"height": 0, "width": 8}), "input size must be 1 to 8192 px a side, got 0 x 8"),
        (changed(input={"height": 8, "width": 10**400}), "input.width must lie within"),
        (changed(input={"height": 8, "width": 100_000}), "input size must be 1 to 8192 px a side, got 8 x 100000"),
        (changed(metrics={"top1": 10**400}), "metrics.top1 must lie within"),
        (changed(labels=["bolt", "\ud800"]), r"label '\ud800' can't be used"),
        (changed(labels=["bolt", "nut\x1b[2J"]), r"label 'nut\x1b[2J' can't be used"),
        (changed(labels=["bolt", "n" * 30_000]), "can't be used: it has 30,000 characters"),
        (changed(labels=["bolt", " nut"]), "can't be used: it begins or ends with a blank"),
        (changed(decoding={"threshold": float("nan")}), "decoding.threshold must be a finite number"),
        (changed(decoding={"threshold": 20}), "decoding.threshold must lie in 0..1"),
        (changed(task="detection"), "task is detection, but its decoding is one of classification"),
        (changed(task="detection", decoding={}), "task is detection, but its decoding is one of classification"),
        (found() | {"task": "classification"}, "task is classification, but its decoding is one of detection"),
        (found(scores="logits"), "unknown key decoding."),
        (found(kind="anchors"), "decoding.kind must be one of ltrb, postprocessed, got 'anchors'"),
        (found(strides=[]), "decoding.strides must be positive and ascend"),
        (found(strides=[0, 8]), "decoding.strides must be positive and ascend"),
        (found(strides=[16, 8]), "decoding.strides must be positive and ascend"),
        (found(strides=[8, 8.5]), "decoding.strides[1] must be int"),
        (found(thresholds=0.2), "decoding.thresholds must be a list"),
        (found(thresholds=[]), "decoding.thresholds must be one, or one for each of the 2 labels"),
        (found(thresholds=[0.1, 0.2, 0.3]), "decoding.thresholds must be one, or one for each of the 2 labels"),
        (found(thresholds=[20]), "decoding.thresholds, iou and vote_iou must lie in 0..1"),
        (found(vote_iou=1.5), "decoding.thresholds, iou and vote_iou must lie in 0..1"),
        (found(iou=float("nan")), "decoding.iou must be a finite number"),
        (found(max_det=0), "decoding.max_det and bins must be positive"),
        (changed(decoding=None), "decoding must be a table, got NoneType"),
        (changed(decoding={"threshold": 0.1, "treshold": 0.1}), "unknown key decoding.treshold; allowed: scores"),
        (changed(schema=2), "schema version 2 is unknown to this edgetl, which reads 1"),
        ({key: value for key, value in changed().items() if key != "schema"}, "schema version None"),
        ({key: value for key, value in changed().items() if key != "labels"}, "missing key labels"),
        ([], "schema version None"),
    ],
)
def test_an_invalid_document_is_refused(data, message):
    with pytest.raises(ModelError) as caught:
        ModelCard.from_dict(data, where="models/parts/card.json")
    assert message in caught.value.what
    assert str(caught.value).replace("\n", "").isprintable()
    assert caught.value.where == "models/parts/card.json"
    assert caught.value.remedy
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 200_000, b"1" * 5000, None])
def test_a_file_that_is_no_json_is_refused(tmp_path, content):
    path = tmp_path / "card.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"card.json can't be read"):
        ModelCard.load(path)


def test_a_pipe_and_a_file_of_any_size_are_not_read(tmp_path):
    path = tmp_path / "card.json"
    os.mkfifo(path)
    with pytest.raises(ModelError, match=r"card.json can't be read"):
        ModelCard.load(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"card.json can't be read"):
        ModelCard.load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"card.json is missing") as caught:
        ModelCard.load(tmp_path / "card.json")
    assert caught.value.where == str(tmp_path / "card.json")

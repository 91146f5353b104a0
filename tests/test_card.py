from __future__ import annotations

import json

import pytest

from edgetl.card import Backbone, ClassifierDecoding, DatasetInfo, InputSpec, ModelCard
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


def test_card_comes_back_whole(tmp_path):
    (tmp_path / "card.json").write_text(CARD.to_json())
    assert ModelCard.load(tmp_path / "card.json") == CARD


def test_card_without_backbone_and_dataset():
    card = ModelCard("foreign", "classification", ("a",), InputSpec(8, 8))
    assert ModelCard.from_dict(json.loads(card.to_json()), where="x") == card


def changed(**values):
    return json.loads(CARD.to_json()) | values


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
        (changed(labels=["a", "a"]), "labels are empty or repeat"),
        (changed(input={"height": 0, "width": 8}), "input size is not positive"),
        (changed(schema=2), "schema version 2 is unknown to this edgetl, which reads 1"),
        ({key: value for key, value in changed().items() if key != "schema"}, "schema version None"),
        ({key: value for key, value in changed().items() if key != "labels"}, "missing key labels"),
        ([], "schema version None"),
    ],
)
def test_refused(data, message):
    with pytest.raises(ModelError) as caught:
        ModelCard.from_dict(data, where="models/parts/card.json")
    assert message in caught.value.what
    assert caught.value.where == "models/parts/card.json"
    assert caught.value.remedy
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 200_000, None])
def test_file_that_is_no_json(tmp_path, content):
    path = tmp_path / "card.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"card.json can't be read"):
        ModelCard.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"card.json is missing") as caught:
        ModelCard.load(tmp_path / "card.json")
    assert caught.value.where == str(tmp_path / "card.json")

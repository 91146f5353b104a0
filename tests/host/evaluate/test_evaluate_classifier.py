from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from homes import draw_folders, edgetl

from edgetl.device.inference.model import Model
from edgetl.host.dataset import photos
from edgetl.host.evaluate.job import evaluate
from edgetl.host.evaluate.top1 import Evaluation

# Two of three "a" and one of two "b" are recognised; "c" has no photos; the only photo predicted as "d" is a "b".
TRUTH = np.array([0, 0, 0, 1, 1])
SCORES = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 3]]
RESULT = Evaluation(("a", "b", "c", "d"), TRUTH, SCORES)


def test_figures():
    assert RESULT.top1 == pytest.approx(3 / 5)
    assert RESULT.predicted.tolist() == [0, 0, 1, 1, 3]
    assert RESULT.confusion.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert RESULT.recall[:2].tolist() == pytest.approx([2 / 3, 1 / 2])
    assert np.isnan(RESULT.recall[2:]).all()
    assert RESULT.precision[[0, 1, 3]].tolist() == pytest.approx([1, 1 / 2, 0])
    assert np.isnan(RESULT.precision[2])


def test_description_for_people_and_as_json():
    lines = RESULT.to_text().splitlines()
    assert lines[0] == "top-1 0.6000 on 5 photos"
    assert lines[1].split() == ["a", "3", "photos", "precision", "1.000", "recall", "0.667"]
    assert len(lines) == 3, "classes without photos say nothing"
    assert RESULT.to_dict() == {
        "photos": 5,
        "top1": 0.6,
        "classes": {
            "a": {"photos": 3, "precision": 1.0, "recall": 0.6667},
            "b": {"photos": 2, "precision": 0.5, "recall": 0.5},
        },
    }


def test_a_notebook_shows_the_figures_as_a_table():
    page = RESULT._repr_html_()
    assert "<caption>top-1 0.6000 on 5 photos</caption>" in page
    assert "<td>a</td><td>3</td><td>1.000</td><td>0.667</td><td>0.800</td>" in page


def test_precision_of_a_class_that_was_never_predicted_is_null():
    never = Evaluation(("a", "b"), np.array([0, 1]), np.eye(2, dtype=np.float32)[[0, 0]])
    assert never.to_dict()["classes"]["b"] == {"photos": 1, "precision": None, "recall": 0.0}


def test_the_text_of_many_classes_is_one_line():
    labels = tuple(f"c{i}" for i in range(60))
    evaluation = Evaluation(labels, np.arange(60), np.eye(60, dtype=np.float32))
    assert len(evaluation.to_text().splitlines()) == 1


def test_keras_and_bundle_agree_on_the_validation_split(home):
    keras, bundle = evaluate("tiny", None), evaluate(str(home.bundle), None)
    assert keras.labels == bundle.labels == ("cross", "disc", "square")
    assert len(keras.truth) == 6
    assert np.array_equal(keras.truth, bundle.truth)
    assert np.abs(keras.scores - bundle.scores).max() < 1e-3
    float16 = evaluate(str(home.bundle), None, variant="float16")
    assert 0 < np.abs(float16.scores - bundle.scores).max() < 1e-2


def test_file_of_the_bundle_carries_all_it_needs(home):
    alone = shutil.copy(home.bundle / "float32.tflite", home.folder / "alone.tflite")
    assert np.array_equal(evaluate(str(alone), None).scores, evaluate(str(home.bundle), None).scores)


def test_other_photos_with_some_of_the_classes(home):
    draw_folders(home.folder / "other", 3, ("disc", "square"), seed=5)
    (home.folder / "other" / "disc" / "01.jpg").write_bytes(b"no")
    for model in ("tiny", str(home.bundle)):
        result = evaluate(model, home.folder / "other")
        assert result.truth.tolist() == [1, 1, 2, 2, 2]
        assert result.scores.shape == (5, 3)


def test_the_photos_of_the_training_are_measured_on_their_validation_split(home):
    moved = shutil.copytree(home.photos, home.folder / "moved")
    for model in ("tiny", str(home.bundle)):
        split = evaluate(model, None)
        for data in (home.photos, moved):
            again = evaluate(model, data)
            assert np.array_equal(again.truth, split.truth)
            assert np.array_equal(again.scores, split.scores)


@pytest.mark.parametrize("model", ["tiny", "bundle"])
def test_photos_that_are_not_quite_those_of_the_training_are_all_measured(home, model):
    draw_folders(home.folder / "more", 12, seed=9)
    assert len(evaluate(model if model == "tiny" else str(home.bundle), home.folder / "more").truth) == 36


def test_scores_belong_to_their_photos(home):
    others = draw_folders(home.folder / "others", 12, seed=9)
    result = evaluate(str(home.bundle), others)
    paths = sorted(others.rglob("*.jpg"))
    with Model.open(home.bundle) as model:
        for i in (0, 17, 35):
            assert result.truth[i] == model.card.labels.index(paths[i].parent.name)
            expected = model.scores(photos.read_record(paths[i], model.card.input)[1])
            assert np.array_equal(result.scores[i], expected)


@pytest.mark.slow
def test_measuring_keeps_what_a_training_decoded(home, monkeypatch):
    shutil.copytree(home.photos, home.folder / "new" / "test")
    draw_folders(home.folder / "new" / "train", 2, seed=3)
    evaluate("tiny", home.folder / "new")
    edgetl("data", "check", "new")
    evaluate("tiny", None)
    evaluate("tiny", home.photos)
    (home.photos / "disc" / "x.txt").touch()

    def decode(*_, **__):
        raise AssertionError("decoded again")

    monkeypatch.setattr(photos, "decode_sized", decode)
    evaluate("tiny", None)
    evaluate("tiny", home.folder / "new")
    evaluate("tiny", home.photos)


def test_command(home):
    people, machine = edgetl("eval", "tiny"), edgetl("eval", home.bundle, "--json")
    assert (people.code, people.out, machine.code, machine.err) == (0, "", 0, "")
    top1 = json.loads(machine.out)["top1"]
    assert people.err.startswith(f"top-1 {top1:.4f} on 6 photos")

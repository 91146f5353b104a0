"""The starts for a data set are ranked: what helps, what doesn't, and what can't be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from boxed import put_voc
from homes import draw_folders, edgetl, unusable

from edgetl import store
from edgetl.errors import DatasetError, ModelError, UsageError
from edgetl.host.knowledge.rank_starts import rank_for, rank_starts
from edgetl.host.train.options import TrainOptions


@pytest.fixture(scope="module")
def misfit(tmp_path_factory):
    """A weights file of no backbone."""
    file = tmp_path_factory.mktemp("files") / "other.h5"
    with h5py.File(file, "w") as content:
        content.create_group("layers/conv2d/vars").create_dataset("0", data=np.zeros((3, 3, 3, 4), np.float32))
    return file


@pytest.fixture(scope="module")
def rows(put_model, shapes, misfit):
    """The rows of a ranking by their weights; the store has good, bad and unusable models."""
    put_model("same")
    put_model("unrelated", shuffled=True)
    (put_model("damaged") / "model.keras").write_bytes(b"PK damaged")
    newer = put_model("newer") / "card.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"schema": 99}))
    put_model("foreign", backbone="foreign")
    put_model("seen", photos=str(shapes.absolute()))
    ranking = rank_starts(shapes, weights=[str(misfit)], size=96, costs=False)
    return ranking, {row.weights: row for row in ranking.starts}


def test_an_unrelated_start_hurts_and_is_not_first(rows):
    ranking, by = rows
    assert ranking.default.weights == "starter"
    assert by["unrelated@1"].verdict == "hurts"
    assert by["unrelated@1"].gain.high < 0
    assert by["none"].verdict == "hurts"
    assert ranking.best.weights in ("starter", "same@1")


def test_a_start_with_the_same_features_is_no_better(rows):
    _, by = rows
    assert by["same@1"].verdict == "no better"
    assert by["same@1"].accuracy == by["starter"].accuracy


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ("damaged@1", "not a Keras weights file"),
        ("newer", "schema"),
        ("foreign@1", "trained elsewhere"),
        ("seen@1", "has learnt from photos of this folder"),
    ],
)
def test_a_start_that_cannot_be_used_is_listed_with_the_reason(rows, weights, reason):
    _, by = rows
    assert by[weights].verdict == "unusable"
    assert reason in by[weights].problem


def test_weights_of_no_backbone_are_listed_with_the_reason(rows, misfit):
    _, by = rows
    assert "fit none of the backbones" in by[str(misfit)].problem


def test_the_table_says_what_each_start_is_worth_and_was_trained_on(rows):
    ranking, _ = rows
    lines = {line.split()[0]: line for line in ranking.to_text().splitlines()}
    assert "hurts: -" in lines["unrelated@1"]
    assert "elsewhere: 2 classes (cat, dog), from starter" in lines["same@1"]
    assert "the default" in lines["starter"]
    assert lines["No"] == "No start is surely better than the default, starter."
    assert "<td>unrelated@1</td>" in ranking._repr_html_()


def test_a_second_ranking_needs_no_network(rows, shapes, monkeypatch):
    from edgetl.host.train.weights import backbones

    ranking, _ = rows
    shutil.rmtree(store.root() / "damaged")  # only the network's refusal shows that it is damaged
    monkeypatch.delattr(backbones, "build")
    assert rank_starts(shapes, size=96, costs=False).starts[:4] == ranking.starts[:4]


def test_an_unknown_name_and_a_missing_file_are_errors(knowledge, shapes):
    with pytest.raises(UsageError, match="nor a model of the store"):
        rank_starts(shapes, weights=["nothing"], size=96, costs=False)
    with pytest.raises(ModelError, match="no such weights file"):
        rank_starts(shapes, weights=["nothing.h5"], size=96, costs=False)


@pytest.fixture
def alone(empty_home, small, monkeypatch):
    """A home with an empty store, where every backbone is a small one, which the starter doesn't fit."""
    monkeypatch.setenv("KERAS_HOME", str(empty_home.folder / "keras"))
    return empty_home


def test_two_classes_of_three_photos_and_an_empty_store_are_enough(alone):
    draw_folders(alone.photos, 3, ("disc", "square"))
    done = edgetl("models", "rank", "photos", "--size", "96", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["photos"], told["classes"], told["size"]) == (4, 2, 96)
    by = {row["weights"]: row for row in told["starts"]}
    assert by["none"]["verdict"] == "default"  # the starter can't take its place
    assert "don't fit" in by["starter"]["problem"]
    assert 0 <= by["none"]["accuracy"]["mean"] <= 1
    assert by["none"]["kilobytes"] > 1
    assert by["none"]["milliseconds"] > 0
    assert set(by["none"]) == {
        *("weights", "trained_on", "backbone", "alpha", "verdict", "accuracy", "gain", "milliseconds", "kilobytes"),
        "problem",
    }


def test_boxes_are_ranked_by_crops_with_the_background(alone):
    for number in range(5):
        put_voc(alone.folder / "boxes" / f"{number}.jpg", [("ace", 10, 10, 50, 60)], seed=number)
    put_voc(alone.folder / "boxes" / "9.jpg", [("king", 30, 20, 60, 80)], seed=9)  # no class has a box twice but one
    ranking = rank_starts("boxes", costs=False)
    assert ranking.classes == 3
    assert ranking.size == 320
    assert ranking.photos > 6


def test_a_cache_that_cannot_be_written_only_warns(alone, caplog, capsys):
    from edgetl.host.dataset.photos import root_key

    draw_folders(alone.photos, 3, ("disc", "square"))
    alone.cache.mkdir()
    (alone.cache / f"features-{root_key(Path('photos'))}").write_text("a file where the folder would be")
    ranking = rank_starts("photos", size=96, costs=False)
    assert ranking.default.accuracy
    assert capsys.readouterr().err.count("computed again the next time") == 1


def test_photos_without_a_folder_are_refused(alone):
    assert edgetl("models", "rank", "nowhere").code == 3
    assert edgetl("models", "rank").code == 2


def test_a_single_training_photo_with_boxes_is_refused(alone):
    for number in range(2):
        put_voc(alone.folder / "boxes" / f"{number}.jpg", [("ace", 10, 10, 50, 60)], seed=number)
    with pytest.raises(DatasetError, match="a single training photo"):
        rank_starts("boxes", costs=False)


@pytest.mark.parametrize(
    "args", [("models", "rank", "boxes"), ("train", "boxes", "--name", "x", "--weights", "best"), ("compare", "boxes")]
)
def test_boxes_with_no_class_twice_are_refused(alone, args):
    for number in range(4):
        put_voc(alone.folder / "boxes" / f"{number}.jpg", [(f"card {number}", 10, 10, 50, 60)], seed=number)
    unusable(edgetl(*args), "no photos with boxes to validate on", "annotate more photos of each class")


def test_a_width_alone_lets_the_default_backbone_compete(alone):
    draw_folders(alone.photos, 3, ("disc", "square"))
    models = alone.folder / "keras" / "models"
    models.mkdir(parents=True)
    for name in ("mobilenet_5_0_96_tf_no_top", "mobilenet_5_0_224_tf_no_top"):
        (models / f"{name}.h5").touch()
    ranking = rank_for(TrainOptions("photos", "parts", alpha=0.5, size=96), costs=False)
    assert [row.network for row in ranking.starts] == ["mobilenet_v2 0.5"]

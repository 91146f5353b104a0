"""Two models on the same photos: paired figures, the interval of their change, photos that one was trained on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from homes import edgetl, refused

from edgetl import store
from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.compare_answers import compare_answers, compare_boxes
from edgetl.host.evaluate.learnt_photos import not_learnt
from edgetl.host.networks.stored import dataset_of

LABELS = ("bolt", "nut")
TRUTH = np.arange(60) % 2


def answers(wrong, first=0):
    """The true classes, except for so many wrong ones from a place on."""
    found = TRUTH.copy()
    found[first : first + wrong] = 1 - found[first : first + wrong]
    return found


@pytest.mark.parametrize(
    ("old", "new", "verdict"), [(20, 2, "better"), (2, 20, "worse"), (4, 2, "undecided"), (5, 5, "undecided")]
)
def test_the_interval_of_the_change_decides(old, new, verdict):
    compared = compare_answers(("a", "b"), LABELS, TRUTH, (answers(old), answers(new)))
    (figure,) = compared.figures
    assert compared.verdict == verdict
    assert figure.change == pytest.approx((old - new) / 60)
    assert figure.low < figure.change < figure.high
    assert (compared.only_new, compared.only_old) == (max(0, old - new), max(0, new - old))


def test_the_pairs_of_photos_narrow_the_interval():
    """Two models that are wrong on the same photos differ less by chance than two that are wrong on others."""
    same = compare_answers(("a", "b"), LABELS, TRUTH, (answers(20), answers(18)))
    other = compare_answers(("a", "b"), LABELS, TRUTH, (answers(20), answers(18, 30)))
    widths = [one.figures[0].high - one.figures[0].low for one in (same, other)]
    assert same.figures[0].change == other.figures[0].change
    assert widths[0] < 0.5 * widths[1]


def test_the_text_and_the_json_have_both_models_and_every_class():
    compared = compare_answers(("old", "new"), LABELS, TRUTH, (answers(20), answers(2)), ["a note"])
    lines = compared.to_text().splitlines()
    assert lines[0] == "new compared with old on the same 60 photos"
    assert lines[-2:] == ["  a note", "the new model is better"]
    document = json.loads(json.dumps(compared.to_dict()))
    assert document["figures"]["top1"]["old"] == pytest.approx(0.6667)
    assert document["classes"]["bolt"] == {"photos": 30, "old": 0.6667, "new": 0.9667}
    assert "<td>bolt</td>" in compared._repr_html_()


def boxes(shift):
    """One box in each of 30 photos; found ones are moved to the right by so many px."""
    rows = [np.array([[10 + n, 20, 60 + n, 70]], np.float32) for n in range(30)]
    kind = np.zeros(1, np.int64)
    truth = [Truth(row, kind, np.zeros(1, bool), (200, 200)) for row in rows]
    found = [Found(row + np.float32([shift, 0, shift, 0]), np.float32([0.9]), kind) for row in rows]
    return truth, found


def test_detectors_are_compared_by_map():
    truth, exact = boxes(0)
    compared = compare_boxes(("a", "b"), ("part",), truth, (boxes(12)[1], exact))
    assert [figure.name for figure in compared.figures] == ["map", "map50"]
    assert compared.verdict == "better"
    assert compared.figures[0].new == pytest.approx(1)
    assert compared.only_new is None
    assert [(row.label, row.count) for row in compared.classes] == [("part", 30)]
    assert compare_boxes(("a", "b"), ("part",), truth, (exact, exact)).verdict == "undecided"


def test_a_stored_model_and_its_bundle_give_the_same_answers(home):
    done = edgetl("eval", "tiny", home.bundle, "--data", home.photos, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["photos"] == store.open_model("tiny").card.dataset.val
    assert document["verdict"] == "undecided"
    assert document["only_old"] == document["only_new"] == 0


def test_with_one_model_the_option_names_its_photos(home):
    named, positional = edgetl("eval", "tiny", "--data", home.photos), edgetl("eval", "tiny", home.photos)
    assert named.code == 0
    assert named.err == positional.err


def test_a_class_that_the_old_model_does_not_know_counts_as_wrong(home):
    shutil.copytree(home.models / "tiny", home.models / "later")
    card = home.models / "later" / "card.json"
    text = card.read_text().replace('"tiny"', '"later"').replace('"square"', '"triangle"')
    card.write_text(text)
    photos = home.folder / "others"
    for label, source in (("cross", "cross"), ("disc", "disc"), ("triangle", "square")):
        shutil.copytree(home.photos / source, photos / label)
    done = edgetl("eval", "tiny", "later", "--data", photos, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["notes"] == ["tiny doesn't know triangle, and is wrong wherever they are shown"]
    assert document["classes"]["triangle"]["old"] == 0
    assert document["only_old"] == 0


def test_photos_that_the_old_model_was_trained_on_are_left_out(home):
    card = store.open_model("tiny").card
    data, other = dataset_of(card), replace(card, dataset=None)
    paths = [*data.train.paths, *data.val.paths]
    kept = not_learnt(card, other, "tiny", home.photos, paths)
    assert [paths[i] for i in kept] == list(data.val.paths)
    assert len(not_learnt(card, card, "tiny", home.photos, paths)) == len(paths), "the split is the same"
    assert len(not_learnt(card, other, "tiny", home.folder, paths)) == len(paths), "the photos are others"
    with pytest.raises(DatasetError, match="trained on all"):
        not_learnt(card, other, "tiny", home.photos, data.train.paths)


def test_unknown_models_and_options_are_refused(home):
    refused(edgetl("eval", "tiny", "nobody", "--data", home.photos), 2, "nobody")
    refused(edgetl("eval", "tiny", "tiny", "--data", home.photos, "--variant", "float32"), 2, "--variant")

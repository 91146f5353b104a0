"""The gate measures detectors and refuses bad ones, and the bundle's replay finds drift."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest

from edgetl.bundle import Bundle
from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.runtime import open_runtime
from edgetl.device.verify.replay import verify
from edgetl.errors import GateError
from edgetl.files import sha256_of
from edgetl.host.convert import job
from edgetl.host.convert.calibration import representative_dataset
from edgetl.host.convert.gate import CONSTANT, NOT_FINITE
from edgetl.host.convert.gate.box_agreement import NEAR, agreement
from edgetl.host.convert.gate.detector import DetectorJudge
from edgetl.host.convert.gate.measure_boxes import BoxReference
from edgetl.host.convert.gate.more_photos import ENOUGH
from edgetl.host.convert.gate.refusal import gate_margin, refusal_reasons
from edgetl.host.convert.gate.table import variants_table
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.manifest import Measurement
from edgetl.target import Gate

CARD = ModelCard("cards", "detection", ("ace", "king"), InputSpec(96, 96), DetectorDecoding((8,), (0.4, 0.2)))
ACE = (0, 0.9, 10, 10, 110, 110)
KING = (1, 0.6, 200, 20, 280, 120)
TARGET = """
title = "A device of the tests"
arch = "x86_64"
runtimes = ["tflite"]
recipes = ["static_wi8_ai8", "float32"]
threads = 1

[gate]
max_map_drop = {drop}
max_map50_drop = {drop}
min_box_agreement = {agreement}
"""


def found(*rows):
    table = np.array(sorted(rows, key=lambda row: -row[1]), np.float32).reshape(-1, 6)
    return Found(table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))


def scored(box, score):
    return (box[0], score, *box[2:])


@pytest.mark.parametrize(
    ("keras", "variant", "share"),
    [
        ([ACE, KING], [ACE, KING], 1.0),
        ([], [], 1.0),
        ([ACE], [], 0.0),
        ([], [ACE], 0.0),
        ([ACE, KING], [ACE], 2 / 3),
        ([ACE], [ACE, KING], 2 / 3),
        ([ACE], [(1, *ACE[1:])], 0.0),
        ([ACE], [(0, 0.9, 20, 10, 120, 110)], 0.0),
        ([ACE], [(0, 0.9, 12, 10, 112, 110)], 1.0),
        ([ACE, scored(KING, 0.2 + NEAR / 2)], [ACE], 1.0),
        ([ACE], [ACE, scored(KING, 0.2 + NEAR / 2)], 1.0),
        ([ACE, KING], [ACE, scored(KING, 0.2 - NEAR / 2)], 1.0),
        ([ACE, KING], [ACE, scored(KING, 0.2 - 2 * NEAR)], 2 / 3),
        ([ACE, scored(KING, 0.1)], [ACE], 1.0),
    ],
)
def test_agreement_equals_a_count_by_hand(keras, variant, share):
    assert agreement([found(*keras)], [found(*variant)], CARD).share == pytest.approx(share)


def test_agreement_covers_all_photos_and_reports_the_largest_score_difference():
    both = agreement([found(ACE, KING), found(ACE)], [found(scored(ACE, 0.8), KING), found()], CARD)
    assert both.share == pytest.approx(4 / 5)
    assert both.max_score_difference == pytest.approx(0.1, abs=1e-6)
    assert agreement([found(scored(ACE, 0.36))], [found(scored(ACE, 0.38))], CARD).max_score_difference == 0


CELLS = {"map50": 0.9, "map50_drop": 0.0, "cell_score_difference": 0.0, "cell_edge_px": 0.0}
MEASURED = Measurement(0.6, 0.0, "ace", 0.0, 1.0, 0.0, 1.0, {}, CELLS)


@pytest.mark.parametrize(
    ("recipe", "changes", "cells", "says"),
    [
        ("float32", {}, {}, ""),
        ("static_wi8_ai8", {"accuracy_drop": 0.02, "agreement": 0.8}, {"map50_drop": 0.01}, ""),
        ("float16", {"accuracy_drop": 0.034}, {}, "loses 3.4 points of mAP, 2 are allowed"),
        ("float16", {}, {"map50_drop": 0.05}, "loses 5.0 points of mAP50, 1 is allowed"),
        ("float16", {"agreement": 0.5}, {}, "agrees on 50.0 % of the boxes, 80 % are required"),
        (
            "float32",
            {},
            {"cell_score_difference": 0.01},
            "a score differs by 0.01 from Keras, and float32 may differ by 0.0001",
        ),
        ("float32", {}, {"cell_edge_px": 2.0}, "an edge is 2 px from Keras's, and float32 may differ by 0.05"),
        (
            "float32",
            {},
            {"cell_edge_px": float("nan")},
            "an edge is nan px from Keras's, and float32 may differ by 0.05",
        ),
        ("static_wi8_ai8", {}, {"cell_score_difference": 0.1, "cell_edge_px": 9.0}, ""),
    ],
)
def test_refusal_reasons_name_each_missed_limit(recipe, changes, cells, says):
    measured = replace(MEASURED, **changes, metrics=CELLS | cells)
    assert refusal_reasons(measured, Gate(), recipe, "detection") == says


@pytest.fixture(scope="module")
def judge(detector, detector_network, detector_data):
    return DetectorJudge(detector.card, detector_network, detector_data)


def measured(judge, path):
    with closing(open_runtime("tflite", path, 1)) as runtime:
        return judge.measure(runtime)


def test_a_float32_detector_computes_what_keras_computes(judge, detector_files):
    result = measured(judge, detector_files("float32"))
    assert refusal_reasons(result, Gate(0, 1, 0.0, 0.0, 1.0), "float32", "detection") == ""
    assert (result.accuracy_drop, result.agreement, result.metrics["map50_drop"]) == (0, 1, 0)
    assert result.accuracy == pytest.approx(judge.reference.map, abs=1e-4)
    assert result.metrics["map50"] == pytest.approx(judge.reference.map50, abs=1e-4)
    assert result.max_score_difference < 1e-5
    assert result.metrics["cell_score_difference"] < 1e-5
    assert result.metrics["cell_edge_px"] < 0.01
    assert result.latency_ms > 0


@pytest.mark.parametrize(("recipe", "least"), [("float16", 0.95), ("static_wi8_ai8", 0.6)])
def test_a_quantized_detector_agrees_on_most_boxes(judge, detector_files, recipe, least):
    result = measured(judge, detector_files(recipe))
    assert result.agreement >= least
    assert result.accuracy > judge.reference.map - 0.1
    assert 0 < result.metrics["cell_score_difference"] < 0.3
    assert refusal_reasons(result, Gate(), "float32", "detection"), "it would pass for a float32 file"


def test_the_worst_class_is_one_that_the_photos_show(judge, monkeypatch):
    before = {"ace": (0.5, 0.9), "jack": (float("nan"), float("nan")), "king": (0.4, 0.8), "ten": (0.3, 0.7)}
    after = before | {"king": (0.1, 0.2), "ten": (0.35, 0.7)}
    by_class = iter((before, after))
    monkeypatch.setattr(DetectionEvaluation, "by_class", lambda self: next(by_class))
    result = BoxReference(judge._card, judge.reference).measure(judge.reference.found, 1.0)
    assert (result.worst_class, result.worst_class_drop) == ("king", 0.3)
    assert result.class_drops == {"ace": 0.0, "king": 0.3, "ten": -0.05}


def test_the_representative_dataset_has_every_class_and_the_background(detector_data):
    train = detector_data.train
    assert set(train.classes.tolist()) == {-1, 0, 1, 2, 3}
    chosen = representative_dataset(train, 10, seed=0)
    whole = train.batch(slice(None))
    positions = [next(i for i, photo in enumerate(whole) if np.array_equal(photo, one)) for one in chosen]
    assert set(train.classes[positions].tolist()) == {-1, 0, 1, 2, 3}


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    path = tmp_path_factory.mktemp("targets") / "bench.toml"
    path.write_text(TARGET.format(drop=0.2, agreement=0.5))
    return path


@pytest.fixture(scope="module")
def converted(detector, target):
    return job.convert("cards", str(target))


@pytest.fixture
def bundle(converted, tmp_path):
    return shutil.copytree(converted.folder, tmp_path / "bundle")


def reseal(bundle, file):
    path = bundle / "bundle.json"
    document = json.loads(path.read_text())
    for variant in document["variants"]:
        for name, key in (("file", "sha256"), ("golden", "golden_sha256")):
            if variant[name] == file:
                variant[key] = sha256_of(bundle / file)
    path.write_text(json.dumps(document))


def failing(bundle):
    return {report.variant: report.reason for report in verify(bundle) if not report.ok}


@pytest.mark.slow
def test_a_detectors_bundle_has_its_figures_and_replays(converted, detector_data, capsys):
    int8, float32 = converted.manifest.variants
    assert (int8.accepted, float32.accepted, converted.manifest.chosen) == (True, True, "static_wi8_ai8")
    assert (float32.measured.agreement, float32.measured.accuracy_drop) == (1.0, 0.0)
    assert float32.measured.metrics["map50"] > 0.6
    labels = [photo.label for photo in converted.manifest.golden]
    assert "background" in labels
    assert {name.split()[-1] for label in labels for name in label.split(", ")} >= set(detector_data.labels)
    reports = verify(converted.folder)
    assert [report.ok for report in reports] == [True, True], [report.reason for report in reports]
    assert all(report.boxes >= 5 for report in reports)
    page = (converted.folder / "report.html").read_text(encoding="utf-8")
    assert "mAP50" in page
    assert "op-1" not in page


@pytest.mark.parametrize("fault", [NOT_FINITE, CONSTANT])
def test_every_gate_refuses_a_detector_with_nan_or_constant_outputs(fault):
    measured = Measurement(0.9, 0.0, "ace", 0.0, 1.0, 0.0, 1.0, metrics={"map50_drop": 0.0, fault: 1.0})
    wide = Gate(1.0, 0.0, 1.0, 1.0, 0.0)
    for recipe in ("float16", "static_wi8_ai8", "portable"):
        assert refusal_reasons(measured, wide, recipe, "detection")
    assert gate_margin(measured, wide, "detection") < 0


class Faulty:
    """A variant whose outputs a function replaces."""

    def __init__(self, runtime, change):
        self._runtime, self._change = runtime, change
        self.input, self.outputs = runtime.input, runtime.outputs

    def input_view(self):
        return self._runtime.input_view()

    def invoke(self):
        self._runtime.invoke()

    def output_view(self, index):
        return self._change(self._runtime.output_view(index))


FAULTS = {
    "nan": lambda output: np.full_like(output, np.nan),
    "infinite": lambda output: np.where(output > output.mean(), np.float32(np.inf), output),
    "constant": lambda output: np.full_like(output, -1),
}
RECIPES = ("float32", "float16", "static_wi8_ai8", "dynamic_wi8_afp32", "device_wi8_ai8", "portable", "as_given")


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("fault", FAULTS)
def test_no_recipe_lets_nan_infinite_or_constant_outputs_pass(judge, detector_files, fault):
    wide = Gate(1.0, 0.0, 1.0, 1.0, 0.0)
    with closing(open_runtime("tflite", detector_files("float32"), 1)) as runtime:
        faulty = Faulty(runtime, FAULTS[fault])
        found = judge.measure(faulty)
        sound = judge.measure(runtime)
        later = judge.measure_more(sound, [faulty])
    for measured in (found, later):
        assert all(refusal_reasons(measured, wide, recipe, "detection") for recipe in RECIPES)
        assert gate_margin(measured, wide, "detection") < 0
        json.dumps(asdict(measured), allow_nan=False)
    assert refusal_reasons(sound, wide, "float16", "detection") == ""


def test_a_float32_detector_computes_what_keras_computes_on_more_photos(judge, detector_files):
    with closing(open_runtime("tflite", detector_files("float32"), 1)) as runtime:
        result = judge.measure(runtime)
        more = judge.measure_more(result, [runtime]).unlabelled
    assert result.unlabelled.photos == len(judge.photos)
    assert more.photos == ENOUGH
    assert more.answers > 5 * result.unlabelled.answers
    assert (more.agreement, more.expected_drop, more.expected_map50_drop) == pytest.approx((1, 0, 0), abs=1e-3)


def test_the_table_has_a_detectors_columns(converted):
    text = variants_table(converted.manifest.variants, "static_wi8_ai8", "detection")
    head, first, *_ = text.splitlines()
    assert head.split()[:6] == ["variant", "mAP", "mAP50", "drop", "agree", "diff"]
    assert first.split()[2] == f"{converted.manifest.variants[0].measured.accuracy:.3f}"
    assert first.split()[3] == f"{converted.manifest.variants[0].measured.metrics['map50']:.3f}"


def test_golden_boxes_lie_within_the_golden_photo(converted):
    frames = converted.golden_frames()
    for frame, golden in zip(frames, converted.golden_boxes(converted.variant("float32")), strict=True):
        for box in golden.objects + golden.suppressed:
            x1, y1, x2, y2 = box.xyxy
            assert 0 <= x1 < x2 <= frame.shape[1]
            assert 0 <= y1 < y2 <= frame.shape[0]
    assert any(golden.suppressed for golden in converted.golden_boxes(converted.variant("float32")))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
        lambda data: data[:-100],
        lambda data: b"",
    ],
    ids=["one bit flipped", "truncated", "emptied"],
)
@pytest.mark.parametrize("file", ["float32.tflite", "golden/float32.json"])
def test_a_damaged_file_fails_its_variant_alone(bundle, file, damage):
    (bundle / file).write_bytes(damage((bundle / file).read_bytes()))
    reasons = failing(bundle)
    assert list(reasons) == ["float32"]
    assert file in reasons["float32"]
    (bundle / file).unlink()
    assert "missing" in failing(bundle)["float32"]


def test_a_changed_golden_photo_fails_every_variant(bundle):
    cv2.imwrite(str(bundle / "golden" / "02.png"), np.zeros((120, 160, 3), np.uint8))
    assert list(failing(bundle)) == ["static_wi8_ai8", "float32"]


def edited_golden(bundle, how):
    path = bundle / "golden" / "float32.json"
    document = json.loads(path.read_text())
    photo = max(document, key=lambda photo: len(photo["objects"]))
    how(photo["objects"])
    path.write_text(json.dumps(document))
    reseal(bundle, "golden/float32.json")
    return failing(bundle)


def shift(objects):
    edges = objects[0]["xyxy"]
    width = edges[2] - edges[0]
    objects[0]["xyxy"] = [edges[0] + width / 4, edges[1], edges[2] + width / 4, edges[3]]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (shift, "boxes have no partner"),
        (lambda objects: objects[0].update(class_id=(objects[0]["class_id"] + 1) % 4), "boxes have no partner"),
        (lambda objects: objects[0].update(score=objects[0]["score"] - 0.01), "the scores of 1 of"),
        (lambda objects: objects.pop(0), "boxes were not expected"),
        (lambda objects: objects.append({"class_id": 0, "score": 0.9, "xyxy": [0, 0, 9, 9]}), "have no partner"),
        (lambda objects: objects[0].pop("score"), "golden boxes are not valid"),
    ],
    ids=["moved", "another class", "another score", "left out", "invented", "damaged"],
)
def test_a_changed_expectation_with_a_right_digest_is_reported_as_drift(bundle, how, says):
    reasons = edited_golden(bundle, how)
    assert list(reasons) == ["float32"]
    assert says in reasons["float32"]


def test_another_model_with_a_right_digest_is_reported_as_drift(bundle, detector_network, detector_data):
    """The other model is the same network with its classes exchanged."""
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite.export import export

    kept = detector_network.get_weights()
    layer = detector_network.get_layer("head").get_layer("logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([np.roll(kernel, 1, axis=-1), np.roll(bias, 1)])
    try:
        content = export(SavedModels(detector_network), "float32", detector_data.train.batch(slice(0, 1)))
    finally:
        detector_network.set_weights(kept)
    (bundle / "float32.tflite").write_bytes(content)
    reseal(bundle, "float32.tflite")
    assert "boxes have no partner" in failing(bundle)["float32"]


def test_an_int8_file_named_float32_is_reported_as_drift(bundle):
    shutil.copy(bundle / "static_wi8_ai8.tflite", bundle / "float32.tflite")
    reseal(bundle, "float32.tflite")
    assert list(failing(bundle)) == ["float32"]


def test_the_error_names_the_reasons_if_every_variant_is_refused(detector, converted, tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(TARGET.format(drop=-1.0, agreement=0.5))
    with pytest.raises(GateError, match="no variant of cards meets the gate") as caught:
        job.convert("cards", str(path), recipes=("float32",))
    assert "points of mAP" in caught.value.where
    assert "points of mAP50" in caught.value.where
    assert Bundle.open(converted.folder).manifest.chosen == "static_wi8_ai8", "the earlier bundle stays"

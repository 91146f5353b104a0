from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, replace

import numpy as np
import pytest

from edgetl.bundle import Bundle, Measurement
from edgetl.device.runtime import open_runtime
from edgetl.errors import GateError, ModelError, UsageError
from edgetl.host.convert import job, make_variants
from edgetl.host.convert.converter import Attempt
from edgetl.host.convert.gate import CONSTANT, NOT_FINITE, OutputWatch, classifier
from edgetl.host.convert.gate.classifier import ClassifierJudge
from edgetl.host.convert.gate.more_photos import ENOUGH
from edgetl.host.convert.gate.refusal import gate_margin, refusal_reasons
from edgetl.host.convert.tflite import export as tflite
from edgetl.target import Gate

TARGET = """
title = "A device of the tests"
arch = "x86_64"
runtimes = ["tflite"]
recipes = [{recipes}]
threads = 1

[gate]
max_accuracy_drop = {drop}
min_agreement = {agreement}
"""


@pytest.fixture
def target(tmp_path):
    def written(*names, drop=1.0, agreement=0.0, name="bench"):
        text = TARGET.format(recipes=", ".join(f'"{n}"' for n in names), drop=drop, agreement=agreement)
        (tmp_path / f"{name}.toml").write_text(text)
        return str(tmp_path / f"{name}.toml")

    return written


class Perfect:
    """A Keras model that is always right."""

    def __init__(self, data):
        self._truth = iter(data.val.classes.tolist())

    def predict_on_batch(self, pixels):
        return np.eye(3, dtype=np.float32)[[next(self._truth) for _ in pixels]]


@pytest.fixture
def judge(shapes_model, shapes_data):
    return ClassifierJudge(shapes_model.card, Perfect(shapes_data), shapes_data)


TASK = "classification"
MEASURED = Measurement(0.9, 0.01, "disc", 0.2, 0.9, 0.1, 1.0)


@pytest.mark.parametrize(
    ("drop", "agreement", "says"),
    [
        (0.01, 0.9, ""),
        (0.0104, 0.9, "loses 1.04 points of top-1, 1 is allowed"),
        (0.035, 0.9, "loses 3.5 points of top-1, 1 is allowed"),
        (-0.02, 0.899, "agrees on 89.9 % of the photos, 90 % are required"),
        (-0.02, 0.8998, "agrees on 89.98 % of the photos, 90 % are required"),
        (0.02, 0.5, "loses 2.0 points of top-1, 1 is allowed; agrees on 50.0 % of the photos, 90 % are required"),
    ],
)
def test_refusal_reasons_name_each_missed_limit(drop, agreement, says):
    measured = replace(MEASURED, accuracy_drop=drop, agreement=agreement)
    assert refusal_reasons(measured, Gate(0.01, 0.9), "float16", TASK) == says


def test_a_float32_file_must_compute_what_keras_computes():
    measured = replace(MEASURED, accuracy_drop=0.0, agreement=1.0, max_score_difference=2e-4)
    said = "a score differs by 0.0002 from Keras, and float32 may differ by 0.0001"
    assert refusal_reasons(measured, Gate(), "float32", TASK) == said
    assert refusal_reasons(replace(measured, max_score_difference=5e-5), Gate(), "float32", TASK) == ""
    assert refusal_reasons(replace(measured, max_score_difference=float("nan")), Gate(), "float32", TASK)
    assert refusal_reasons(measured, Gate(), "static_wi8_ai8", TASK) == ""


class Scripted:
    """A model that returns prepared scores for one photo after the other."""

    def __init__(self, rows):
        self._rows = iter(rows)
        self.timings = type("Timings", (), {"invoke": 2.0})()

    def scores(self, frame):
        return next(self._rows)


def test_a_variants_figures_are_relative_to_keras(judge, shapes_data, monkeypatch):
    truth = shapes_data.val.classes
    said = np.eye(3, dtype=np.float32)[truth]
    wrong = np.flatnonzero(truth == 1)[:2]
    said[wrong] = [0.75, 0.25, 0]
    monkeypatch.setattr(classifier, "Model", lambda runtime, card: Scripted(said))
    found = judge.measure(None)
    assert found.accuracy == pytest.approx(7 / 9, abs=1e-4)
    assert found.accuracy_drop == pytest.approx(2 / 9, abs=1e-4)
    assert found.agreement == pytest.approx(7 / 9, abs=1e-4)
    assert (found.worst_class, found.worst_class_drop) == ("square", pytest.approx(2 / 3, abs=1e-4))
    wanted = {label: pytest.approx(2 / 3 if label == "square" else 0, abs=1e-4) for label in shapes_data.labels}
    assert found.class_drops == wanted
    assert (found.max_score_difference, found.latency_ms) == (0.75, 2.0)


def test_a_variant_is_compared_with_keras_on_more_photos(shapes_model, shapes_data, target):
    from edgetl.host.networks.stored import load_keras

    judge = ClassifierJudge(shapes_model.card, load_keras(shapes_model), shapes_data)
    bundle = job.convert("told-apart", target("float32", name="more"))
    with closing(open_runtime("tflite", bundle.model_file(bundle.variant()), 1)) as runtime:
        measured = judge.measure(runtime)
        more = judge.measure_more(measured, [runtime]).unlabelled
    assert (measured.unlabelled.photos, more.photos, more.answers) == (len(shapes_data.val), ENOUGH, ENOUGH)
    assert more.agreement > 0.99
    assert more.expected_drop < 1e-3


RECIPES = ("float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8", "device_wi8_ai8", "as_given")
WIDE = Gate(1.0, 0.0, 1.0, 1.0, 0.0)


def scores_of(truth, kind):
    """Right scores, one of them not finite; or the same scores for every photo."""
    said = np.eye(3, dtype=np.float32)[truth]
    if kind == "constant":
        said[:] = [0.2, 0.5, 0.3]
    else:
        said[4] = {"nan": np.nan, "infinite": np.inf, "minus infinite": -np.inf}[kind]
    return said


@pytest.mark.parametrize("kind", ["nan", "infinite", "minus infinite", "constant"])
def test_every_gate_refuses_nan_infinite_and_constant_scores(judge, shapes_data, monkeypatch, kind):
    said = scores_of(shapes_data.val.classes, kind)
    monkeypatch.setattr(classifier, "Model", lambda runtime, card: Scripted(said))
    measured = judge.measure(None)
    assert all(refusal_reasons(measured, WIDE, recipe, TASK) for recipe in RECIPES)
    assert gate_margin(measured, WIDE, TASK) < 0
    json.dumps(asdict(measured), allow_nan=False)


def test_a_keras_model_with_nan_scores_cannot_be_converted(shapes_model, shapes_data):
    class Broken:
        def predict_on_batch(self, pixels):
            return np.full((len(pixels), 3), np.nan, np.float32)

    with pytest.raises(GateError, match="not finite"):
        ClassifierJudge(shapes_model.card, Broken(), shapes_data)


def test_a_gate_of_nan_refuses_every_variant():
    gate = Gate(float("nan"), float("nan"))
    assert refusal_reasons(replace(MEASURED, accuracy_drop=0.0, agreement=1.0), gate, "float16", TASK)


def test_the_output_watch_reports_constant_and_not_finite_outputs():
    ones, twos = np.ones((1, 3), np.float32), np.full((1, 3), 2, np.float32)
    cases = (
        ([[ones], [ones]], {CONSTANT: 1.0}),
        ([[ones], [twos]], {}),
        ([[ones, ones], [ones, twos]], {}),
        ([[ones]], {}),
        ([[ones], [ones * np.nan], [ones / 0]], {NOT_FINITE: 2.0}),
        ([[np.array([1, 2], np.int8)], [np.array([1, 2], np.int8)]], {CONSTANT: 1.0}),
    )
    for outputs, wanted in cases:
        watch = OutputWatch()
        for said in outputs:
            watch.add(said)
        assert watch.faults() == wanted


@pytest.mark.parametrize("failing", ["converting", "reporting"])
def test_a_conversion_that_fails_leaves_the_earlier_bundle(shapes_model, target, monkeypatch, failing):
    path = target("float32", name="kept")
    before = job.convert("told-apart", path)
    files = {file: file.read_bytes() for file in before.folder.rglob("*") if file.is_file()}

    def fail(*args, **options):
        raise ModelError("no", where="here", remedy="none")

    if failing == "converting":
        monkeypatch.setitem(make_variants.CONVERTERS, "tflite", lambda *_, **__: iter([Attempt("", fail)]))
    else:
        monkeypatch.setattr(job, "write_manifest", fail)
    with pytest.raises(ModelError):
        job.convert("told-apart", path)
    assert {file: file.read_bytes() for file in before.folder.rglob("*") if file.is_file()} == files
    assert Bundle.open(before.folder).manifest.chosen == "float32"


def test_a_bad_variant_is_refused_with_its_reason_and_the_next_is_taken(shapes_model, target, monkeypatch):
    """The bad file has the weights of another training."""

    def attempts(recipe, source, **options):
        if recipe != "float16":
            yield from tflite.attempts(recipe, source, **options)
            return
        model = source.model

        def spoilt():
            kept = model.get_weights()
            head = model.get_layer("head").layers[-1]
            kernel, bias = head.get_weights()
            head.set_weights([np.roll(kernel, 1, axis=1), np.roll(bias, 1)])
            try:
                # A copy, because the other variants share the export of the original.
                return next(tflite.attempts(recipe, replace(source))).make()
            finally:
                model.set_weights(kept)

        yield Attempt("", spoilt)

    monkeypatch.setitem(make_variants.CONVERTERS, "tflite", attempts)
    bundle = job.convert("told-apart", target("float16", "float32", drop=0.01, agreement=0.9, name="second"))
    bad, good = bundle.manifest.variants
    assert (bad.recipe, bad.accepted, bad.file) == ("float16", False, "")
    assert "loses" in bad.note
    assert "agrees on" in bad.note
    assert (good.recipe, good.accepted, good.measured.agreement, good.measured.accuracy_drop) == (
        "float32",
        True,
        1.0,
        0.0,
    )
    assert bundle.manifest.chosen == "float32"
    assert not list(bundle.folder.glob("float16*"))


@pytest.mark.slow
def test_an_impossible_gate_makes_every_attempt_and_leaves_the_earlier_bundle(shapes_model, target, capsys):
    path = target("static_wi8_ai8", "float32", name="strict")
    before = job.convert("told-apart", path)
    files = {file: file.read_bytes() for file in before.folder.rglob("*") if file.is_file()}
    assert before.manifest.chosen == "static_wi8_ai8"
    target("static_wi8_ai8", "float32", drop=-1.0, name="strict")
    with pytest.raises(GateError) as caught:
        job.convert("told-apart", path)
    assert caught.value.exit_code == 5
    for said in (
        "plain",
        "extreme photos",
        "first 5 operations",
        "float32",
    ):  # the small backbone has no eleven to leave
        assert said in caught.value.where
    assert {file: file.read_bytes() for file in before.folder.rglob("*") if file.is_file()} == files
    assert not list(shapes_model.folder.glob(".strict*"))
    assert Bundle.open(before.folder).manifest.chosen == "static_wi8_ai8"


def test_the_recipes_that_the_user_names_replace_the_targets(shapes_model, target):
    names = ("dynamic_wi8_afp32", "float16")
    bundle = job.convert("told-apart", target("float32", name="other"), recipes=names)
    assert tuple(v.recipe for v in bundle.manifest.variants) == names
    assert all(v.accepted and v.measured.agreement > 0.7 for v in bundle.manifest.variants)
    with pytest.raises(UsageError, match="unknown recipe 'int4'"):
        job.convert("told-apart", target("float32"), recipes=("int4",))

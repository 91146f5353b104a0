"""OpenVINO's files compute what Keras computes by every recipe, pass the gate, and go into the bundle."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from homes import LOOSE_TARGET, edgetl

from edgetl.bundle import Bundle
from edgetl.card import InputSpec, ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.inference.output_names import DISTANCES, LOGITS
from edgetl.device.runtime import UnloadableRuntimeError, open_runtime
from edgetl.device.runtime.openvino_rt_info import read_info
from edgetl.device.verify.replay import require_all_ok, verify
from edgetl.errors import ModelError, UsageError
from edgetl.files import sha256_of
from edgetl.host.convert import job, make_variants
from edgetl.host.convert.converter import ConversionInput
from edgetl.host.convert.gate.classifier import ClassifierJudge
from edgetl.host.convert.gate.detector import DetectorJudge
from edgetl.host.convert.gate.refusal import gate_margin, refusal_reasons
from edgetl.host.convert.openvino import export as openvino
from edgetl.host.convert.openvino import quantize
from edgetl.host.convert.openvino.metadata import write_runtime_info
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.networks.stored import predict
from edgetl.install import install_command
from edgetl.manifest import Measurement
from edgetl.target import Gate
from edgetl.vision.distances import distances

pytest.importorskip("openvino")
pytest.importorskip("nncf")
RECIPES = ("float32", "float16", "static_wi8_ai8")
KINDS = ("classifier", pytest.param("detector", marks=pytest.mark.slow))
LOOSE = Gate(1.0, 0.0, 1.0, 1.0, 0.0)


@pytest.fixture(scope="module")
def classifier(shapes_model, keras_model, shapes_data):
    return ConversionInput(
        keras_model, shapes_model.card, ClassifierJudge(shapes_model.card, keras_model, shapes_data), LOOSE, 0
    )


@pytest.fixture(scope="module")
def detector_source(detector, detector_network, detector_data):
    judge = DetectorJudge(detector.card, detector_network, detector_data)
    return ConversionInput(detector_network, detector.card, judge, LOOSE, 0)


@pytest.fixture(scope="module")
def files(classifier, detector_source, tmp_path_factory):
    """A function that makes the files of a recipe, once, and returns the `.xml`."""
    folder = tmp_path_factory.mktemp("irs")
    sources = {"classifier": classifier, "detector": detector_source}

    def made_once(kind, recipe):
        path = folder / f"{kind}-{recipe}.xml"
        if not path.exists():
            for suffix, content in next(openvino.attempts(recipe, sources[kind])).make().items():
                path.with_suffix(suffix).write_bytes(content)
        return path

    return made_once


def outputs(path, pixels):
    """An IR's outputs for each photo, by the outputs' names."""
    with closing(open_runtime("openvino", path, 1)) as runtime:
        rows = {tensor.name: [] for tensor in runtime.outputs}
        for photo in pixels:
            runtime.input_view()[...] = photo
            runtime.invoke()
            for index, tensor in enumerate(runtime.outputs):
                rows[tensor.name].append(runtime.output_view(index).copy())
        return {name: np.stack(row) for name, row in rows.items()}


@pytest.mark.parametrize(("recipe", "within"), [("float32", 1e-4), ("float16", 5e-3), ("static_wi8_ai8", 0.15)])
def test_a_classifier_computes_what_keras_computes(recipe, within, files, keras_model, shapes_data):
    pixels = shapes_data.val.batch(slice(None))
    wanted = predict(keras_model, shapes_data.val)
    assert np.ptp(wanted, axis=0).min() > 0.1, "the model says the same of everything"
    found = outputs(files("classifier", recipe), pixels)
    assert list(found) == ["scores"]
    assert np.abs(found["scores"] - wanted).max() < within


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "within"), [("float32", 1e-4), ("float16", 0.05), ("static_wi8_ai8", 1.5)])
def test_a_detectors_outputs_are_raw_and_known_by_name(recipe, within, files, detector_network, detector_data):
    pixels = detector_data.val.batch(slice(None))
    wanted = [np.asarray(output) for output in detector_network.predict_on_batch(pixels)]
    found = outputs(files("detector", recipe), pixels)
    assert set(found) == {LOGITS, DISTANCES}
    pairs = (found[LOGITS], wanted[0]), (distances(found[DISTANCES], 16), distances(wanted[1], 16))
    for ours, theirs in pairs:  # logits, and distances in strides
        shown = theirs > -4  # far below, a score is nothing whatever it is
        assert np.abs(ours - theirs)[shown].max() < within


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_file_takes_raw_pixels(kind, recipe, files):
    with closing(open_runtime("openvino", files(kind, recipe), 1)) as runtime:
        assert (runtime.input.name, runtime.input.dtype, runtime.input.shape[0]) == ("image", "uint8", 1)
        assert {tensor.dtype for tensor in runtime.outputs} == {"float32"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_recipe_gives_files_of_its_precision(kind, files):
    sizes = {recipe: files(kind, recipe).with_suffix(".bin").stat().st_size for recipe in RECIPES}
    assert sizes["float16"] < 0.6 * sizes["float32"]
    assert sizes["static_wi8_ai8"] < 0.5 * sizes["float32"]
    quantizers = {recipe: files(kind, recipe).read_text().count('type="FakeQuantize"') for recipe in RECIPES}
    assert quantizers["static_wi8_ai8"] > 4
    assert (quantizers["float32"], quantizers["float16"]) == (0, 0)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_opens_without_a_bundle(kind, recipe, files, classifier, detector_source):
    card = (classifier if kind == "classifier" else detector_source).card
    with Model.open(files(kind, recipe)) as model:
        assert model.card == card
        model(np.zeros((90, 160, 3), np.uint8))


def test_a_file_of_another_model_is_refused_by_its_card(files, classifier, tmp_path):
    path = tmp_path / "other.xml"
    card = replace(classifier.card, input=replace(classifier.card.input, height=classifier.card.input.height + 32))
    for suffix, content in next(openvino.attempts("float32", replace(classifier, card=card))).make().items():
        path.with_suffix(suffix).write_bytes(content)
    with pytest.raises(ModelError, match="its card says"):
        Model.open(path)


def test_model_api_finds_a_classifiers_input_and_labels(files, classifier):
    info = read_info(files("classifier", "float32"))
    assert info.model["model_type"] == "Classification"
    assert info.model["labels"].split() == list(classifier.card.labels)
    assert (info.model["resize_type"], info.flag("reverse_input_channels")) == ("standard", True)
    assert json.loads(info.card)["name"] == classifier.card.name
    assert read_info(files("detector", "float32")).model == {}


def test_labels_for_model_api_have_no_spaces():
    said = {}
    model = SimpleNamespace(set_rt_info=lambda value, path: said.update({path[-1]: value}))
    spec = InputSpec(8, 8, color="bgr", resize="letterbox")
    write_runtime_info(model, ModelCard("fruit", "classification", ("red  apple", " ", "pear"), spec))
    assert (said["labels"], said["resize_type"]) == ("red_apple _ pear", "fit_to_window_letterbox")
    assert (said["reverse_input_channels"], said["pad_value"]) == ("False", "114")


def test_int8_tries_more_photos_and_then_layers_in_float(classifier, shapes_data, monkeypatch):
    made = []
    monkeypatch.setattr(openvino, "graph", lambda model: "graph")
    monkeypatch.setattr(openvino, "save", lambda converted, card, **_: {".xml": b"", ".bin": b""})
    monkeypatch.setattr(quantize, "quantize", lambda graph, photos: made.append(("plain", len(photos))))
    monkeypatch.setattr(quantize, "quantize_to_gate", lambda graph, photos, margin: made.append(("gate", len(photos))))
    train = shapes_data.train
    rows = np.tile(np.arange(len(train)), 4)
    judge = SimpleNamespace(train=replace(train, rows=train.rows[rows], classes=train.classes[rows]))
    tries = list(openvino.attempts("static_wi8_ai8", replace(classifier, judge=judge)))
    for attempt in tries:
        assert list(attempt.make()) == [".xml", ".bin"]
    assert made == [("plain", 100), ("plain", 156), ("gate", 156)]
    assert [attempt.note for attempt in tries] == [
        "",
        "calibrated with 156 photos",
        "the layers that cost most left in float",
    ]
    assert len(list(openvino.attempts("static_wi8_ai8", classifier))) == 2, "the same photos again are no other try"
    assert [attempt.note for attempt in openvino.attempts("float16", classifier)] == [""]
    plain = openvino.attempts("static_wi8_ai8", classifier, search=False)
    assert [attempt.note for attempt in plain] == [""]


@pytest.mark.slow
def test_layers_go_back_to_float_until_the_gate_is_met(classifier, shapes_data):
    margins = []

    def margin(runtime):
        """A quantized file meets the gate only after two steps."""
        assert classifier.judge.measure(runtime).accuracy >= 0
        margins.append(0.1 if len(margins) in (0, 1, 4) else -0.1)
        return margins[-1]

    photos = shapes_data.train.batch(slice(0, 24))
    plain = quantize.quantize(openvino.graph(classifier.saved_models), photos)
    restored = quantize.quantize_to_gate(openvino.graph(classifier.saved_models), photos, margin)

    def count(model):
        return sum(op.get_type_name() == "FakeQuantize" for op in model.get_ops())

    assert margins == [0.1, 0.1, -0.1, -0.1, 0.1], "the float model, asked twice, the quantized one, each step"
    assert 0 < count(restored) < count(plain)


@pytest.mark.parametrize(
    ("drop", "agreement", "margin"), [(0.0, 1.0, 0.01), (0.03, 1.0, -0.02), (0.0, 0.9, -0.06), (0.02, 0.5, -0.46)]
)
def test_a_classifiers_margin_is_the_distance_to_the_closest_limit(drop, agreement, margin):
    measured = Measurement(0.9, drop, "disc", 0.0, agreement, 0.1, 1.0)
    assert gate_margin(measured, Gate(0.01, 0.96), "classification") == pytest.approx(margin)
    assert bool(refusal_reasons(measured, Gate(0.01, 0.96), "float16", "classification")) == (margin < 0)


@pytest.mark.parametrize(
    ("drop", "drop50", "agreement", "margin"),
    [(0.0, 0.0, 1.0, 0.01), (0.05, 0.0, 1.0, -0.03), (0.0, 0.03, 1.0, -0.02), (0.0, 0.0, 0.7, -0.1)],
)
def test_a_detectors_margin_is_the_distance_to_the_closest_limit(drop, drop50, agreement, margin):
    metrics = {"map50_drop": drop50, "cell_score_difference": 0.0, "cell_edge_px": 0.0}
    measured = Measurement(0.6, drop, "ace", 0.0, agreement, 0.1, 1.0, metrics=metrics)
    assert gate_margin(measured, Gate(), "detection") == pytest.approx(margin)
    assert bool(refusal_reasons(measured, Gate(), "float16", "detection")) == (margin < 0)


@pytest.fixture
def target(tmp_path):
    def written(runtimes, recipes, name="both"):
        text = LOOSE_TARGET.replace('["tflite"]', json.dumps(runtimes)).replace(
            '["float32", "float16"]', json.dumps(recipes)
        )
        path = tmp_path / f"{name}.toml"
        path.write_text(text + "max_map_drop = 1.0\nmax_map50_drop = 1.0\nmin_box_agreement = 0.0\n")
        return str(path)

    return written


@pytest.mark.slow
def test_candidates_are_the_recipes_for_each_runtime_in_the_targets_order(shapes_model, target):
    bundle = job.convert("told-apart", target(["openvino", "tflite"], ["float32", "dynamic_wi8_afp32"]))
    names = [variant.name for variant in bundle.manifest.variants]
    assert names == ["openvino-float32", "float32", "dynamic_wi8_afp32"]
    assert bundle.manifest.chosen == "openvino-float32"
    ours = bundle.variant()
    assert (ours.file, ours.weights) == ("openvino-float32.xml", "openvino-float32.bin")
    assert ours.golden == "golden/openvino-float32.json"
    assert ours.bytes == sum((bundle.folder / name).stat().st_size for name in ours.files)
    assert ours.files == {name: sha256_of(bundle.folder / name) for name in (ours.file, ours.weights)}
    assert ours.measured.max_score_difference < 1e-4
    assert ours.measured.agreement == 1.0
    require_all_ok(verify(bundle.folder), bundle.folder)
    assert "openvino-float32" in (bundle.folder / "report.html").read_text(encoding="utf-8")


def test_the_command_converts_a_classifier_for_openvino_alone(shapes_model, target, tmp_path):
    path = target(["tflite", "openvino"], ["static_wi8_ai8", "float32"], name="alone")
    done = edgetl("convert", "told-apart", "--target", path, "--runtime", "openvino")
    assert done.code == 0, done.err
    bundle = Bundle.open(shapes_model.bundle("alone"))
    assert [v.name for v in bundle.manifest.variants] == ["openvino-static_wi8_ai8", "openvino-float32"]
    assert all(v.accepted and v.measured.agreement > 0.7 for v in bundle.manifest.variants)
    assert not list(bundle.folder.glob("*.tflite"))
    assert edgetl("verify", bundle.folder).code == 0


@pytest.mark.slow
def test_the_command_converts_a_detector(detector, target):
    path = target(["tflite", "openvino"], ["static_wi8_ai8", "float32"], name="boxes")
    done = edgetl("convert", "cards", "--target", path, "--runtime", "openvino")
    assert done.code == 0, done.err
    assert "* openvino-static_wi8_ai8 " in done.err
    bundle = Bundle.open(detector.bundle("boxes"))
    int8, float32 = bundle.manifest.variants
    assert (int8.accepted, float32.accepted) == (True, True)
    assert float32.measured.metrics["cell_score_difference"] < 1e-4
    assert float32.measured.metrics["map50"] > 0.6
    assert int8.measured.agreement > 0.6
    for threads in (1, 2):
        reports = verify(bundle.folder, threads=threads)
        assert [report.ok for report in reports] == [True, True], [report.reason for report in reports]


def test_a_refused_variant_leaves_neither_file(shapes_model, target, monkeypatch):
    real = openvino.attempts

    def spoilt(recipe, source, **options):
        source = replace(source)  # the other variants share the export of the original
        weights = source.model.get_weights()
        for attempt in real(recipe, source, **options):
            source.model.set_weights([np.roll(w, 1) for w in weights])
            try:
                content = attempt.make()
            finally:
                source.model.set_weights(weights)
            yield replace(attempt, make=lambda content=content: content)

    monkeypatch.setitem(make_variants.CONVERTERS, "openvino", spoilt)
    bundle = job.convert("told-apart", target(["openvino", "tflite"], ["float32"], name="spoilt"))
    bad, good = bundle.manifest.variants
    assert (bad.accepted, bad.file, bad.weights, good.accepted) == (False, "", "", True)
    assert "from Keras, and float32 may differ by" in bad.note
    assert bad.bytes > 1000
    assert not list(bundle.folder.glob("openvino*"))
    assert bundle.manifest.chosen == "float32"


def test_a_recipe_that_no_runtime_has_is_refused(shapes_model, target):
    path = target(["tflite", "openvino"], ["float32"])
    with pytest.raises(UsageError, match="dynamic_wi8_afp32") as caught:
        job.convert("told-apart", path, recipes=("dynamic_wi8_afp32",), runtimes=("openvino",))
    assert "openvino has float32, float16, static_wi8_ai8" in caught.value.remedy
    with pytest.raises(UsageError, match="unknown runtime 'onnx'") as caught:
        job.convert("told-apart", path, runtimes=("onnx",))
    assert caught.value.remedy == "choose from tflite, openvino"


def test_a_missing_runtime_is_reported_before_the_conversion(shapes_model, target, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    path = target(["tflite", "openvino"], ["float32"], name="without")
    done = edgetl("convert", "told-apart", "--target", path)
    assert done.code == 4
    assert "OpenVINO is not installed" in done.err
    assert f"remedy: {install_command('openvino')}" in done.err
    assert "converting" not in done.err
    assert edgetl("convert", "told-apart", "--target", path, "--runtime", "tflite").code == 0


def test_without_nncf_the_remedy_is_the_train_extra(keras_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(UnloadableRuntimeError, match="NNCF can't be loaded") as caught:
        quantize.quantize(None, np.zeros((1, 8, 8, 3), np.uint8))
    assert caught.value.remedy == install_command("train")


def test_a_graph_with_unidentified_outputs_is_refused(keras_model, monkeypatch):
    converted = openvino.graph(SavedModels(keras_model))
    monkeypatch.setattr(openvino.load_library(), "convert_model", lambda model: converted)
    with pytest.raises(ModelError, match="named the outputs scores, not output_0"):
        openvino.graph(SavedModels(keras_model))

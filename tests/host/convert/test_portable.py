"""Portable detectors compute inside the file the boxes that edgetl computes from a raw one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from homes import LOOSE_TARGET

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.inference.output_names import MODEL_API, POSTPROCESSED
from edgetl.device.runtime import open_runtime
from edgetl.device.runtime.openvino_rt_info import read_info
from edgetl.device.verify.replay import require_all_ok, verify
from edgetl.errors import ModelError, UsageError
from edgetl.host.convert import job, portable
from edgetl.host.convert.converter import Attempt
from edgetl.host.convert.gate.refusal import refusal_reasons
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.convert.tflite import portable as portable_tflite
from edgetl.host.convert.tflite.edit_graph import parse
from edgetl.host.convert.tflite.metadata import OUTPUTS
from edgetl.host.convert.tflite.splice import splice
from edgetl.manifest import Measurement
from edgetl.target import Gate
from edgetl.vision.filter import ResultFilter

BODIES = ("float32", pytest.param("float16", marks=pytest.mark.slow), "static_wi8_ai8")
LEAST = ResultFilter(threshold=0.05)


@pytest.fixture(scope="module")
def card(detector):
    return portable.finished_card(detector.card)


@pytest.fixture(scope="module")
def frames(detector_data):
    """Frames of the input's own size; with a letterbox's bars, the two would clip boxes at different edges."""
    return [np.ascontiguousarray(pixels[..., ::-1]) for pixels in detector_data.val.batch(slice(None))]


@pytest.fixture(scope="module")
def finished(card, detector_files, tmp_path_factory):
    """A function that makes the portable file of a body, once."""
    folder = tmp_path_factory.mktemp("portable")

    def made_once(recipe):
        path = folder / f"{recipe}.tflite"
        if not path.exists():
            path.write_bytes(portable_tflite.finish({".tflite": detector_files(recipe).read_bytes()}, card)[".tflite"])
        return path

    return made_once


def boxes_are_the_same(raw, finished, frames):
    total = 0
    for frame in frames:
        ours, theirs = raw(frame), finished(frame)
        assert theirs.labels == ours.labels
        np.testing.assert_allclose(theirs.xyxy, ours.xyxy, atol=1e-2)
        np.testing.assert_allclose(theirs.score, ours.score, atol=1e-5)
        total += len(ours)
    assert total > len(frames), "too little is found to compare"


@pytest.mark.parametrize("body", BODIES)
def test_a_portable_tflite_gives_the_boxes_of_the_raw_file(body, finished, detector, detector_files, frames):
    with closing(open_runtime("tflite", detector_files(body), 1)) as runtime, Model.open(finished(body)) as decoded:
        decoded.only = LEAST
        boxes_are_the_same(Model(runtime, detector.card, only=LEAST), decoded, frames)


def test_a_portable_ir_gives_the_boxes_of_the_raw_file(detector, detector_network, card, frames, tmp_path):
    pytest.importorskip("openvino")
    from edgetl.host.convert.openvino import export as openvino
    from edgetl.host.convert.openvino import portable as portable_openvino

    raw = openvino.save(openvino.graph(SavedModels(detector_network)), detector.card)
    for stem, files in (("raw", raw), ("portable", portable_openvino.finish(raw, card))):
        for suffix, content in files.items():
            (tmp_path / f"{stem}{suffix}").write_bytes(content)
    with Model.open(tmp_path / "raw.xml", only=LEAST) as left, Model.open(tmp_path / "portable.xml") as right:
        right.only = LEAST
        boxes_are_the_same(left, right, frames)
    with closing(open_runtime("openvino", tmp_path / "portable.xml", 1)) as runtime:
        shapes = {tensor.name: (tensor.shape, tensor.dtype) for tensor in runtime.outputs}
    wanted = ((1, 100, 4), "float32"), ((1, 100), "int32"), ((1, 100), "float32")
    assert shapes == dict(zip(MODEL_API, wanted, strict=True))
    told = read_info(tmp_path / "portable.xml").model
    assert told["model_type"] == "SSD"
    assert float(told["confidence_threshold"]) == min(detector.card.detector.thresholds)
    assert "model_type" not in read_info(tmp_path / "raw.xml").model


@pytest.mark.parametrize("body", BODIES)
def test_a_portable_file_keeps_the_body_and_adds_only_built_in_operators(body, finished, detector_files):
    raw, made = parse(detector_files(body).read_bytes()), parse(finished(body).read_bytes())
    before, after = ([b.data for b in model.buffers] for model in (raw, made))
    for one, other in zip(before, after, strict=False):
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(one, other)
    assert {code.customCode for code in made.operatorCodes} == {None}
    assert len(made.subgraphs[0].operators) > len(raw.subgraphs[0].operators)


def test_a_portable_file_has_four_outputs_with_zeros_after_the_count(finished, frames):
    with closing(open_runtime("tflite", finished("static_wi8_ai8"), 1)) as runtime:
        shapes = (1, 100, 4), (1, 100), (1, 100), (1,)
        assert [(t.name, t.shape, t.dtype) for t in runtime.outputs] == [
            (name, shape, "float32") for name, shape in zip(POSTPROCESSED, shapes, strict=True)
        ]
        assert runtime.input.dtype == "uint8"
        runtime.input_view()[...] = frames[0][..., ::-1]
        runtime.invoke()
        boxes, classes, scores, count = (np.atleast_1d(runtime.output_view(i)).copy() for i in range(4))
    meant = int(count[0])
    assert 0 < meant < 100
    assert (scores[:meant] >= portable.LOWEST_SCORE).all()
    assert (np.diff(scores[:meant]) <= 1e-6).all()
    assert not boxes[meant:].any()
    assert not scores[meant:].any()
    assert not classes[meant:].any()
    assert (boxes >= 0).all()
    assert (boxes <= 1).all()


def test_a_black_frame_gives_no_boxes(finished):
    with Model.open(finished("float32"), only=ResultFilter(threshold=0.9)) as model:
        assert len(model(np.zeros((120, 160, 3), np.uint8))) == 0


def test_portable_attempts_begin_with_an_int8_body_and_have_notes():
    def raw(recipe, source, *, search):
        yield Attempt("", lambda: {".tflite": recipe.encode()})
        if search:
            yield Attempt("again", lambda: {".tflite": recipe.encode()})

    def finish(files, card):
        kinds.append(card.detector.kind)
        return files

    kinds = []
    source = SimpleNamespace(card=ModelCard("d", "detection", ("a",), InputSpec(32, 32), DetectorDecoding()))
    found = list(portable.attempts(raw, finish, source))
    half = "weights in float16, not in int8"
    assert [attempt.note for attempt in found] == ["", "again", half, f"{half}; again"]
    assert [attempt.make()[".tflite"] for attempt in found] == [b"static_wi8_ai8"] * 2 + [b"float16"] * 2
    assert kinds == ["postprocessed"] * 4
    assert [attempt.note for attempt in portable.attempts(raw, finish, source, search=False)] == ["", half]


def test_a_body_with_other_outputs_is_refused(tiny_models, card):
    with pytest.raises(ModelError, match="not logits and distances"):
        splice(tiny_models["float32"], portable_tflite.decoding(card), OUTPUTS)


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    path = tmp_path_factory.mktemp("targets") / "loose.toml"
    gate = "max_map_drop = 1.0\nmax_map50_drop = 1.0\nmin_box_agreement = 0.0\n"
    path.write_text(LOOSE_TARGET.replace('"float32", "float16"', '"float32"') + gate)
    return str(path)


def test_a_portable_variant_joins_the_bundle_but_is_not_chosen(detector, loose):
    bundle = job.convert(detector.card.name, loose, recipes=("portable",))
    raw, made = bundle.manifest.variants
    assert (raw.recipe, made.recipe, bundle.manifest.chosen) == ("float32", "portable", "float32")
    assert made.accepted
    assert made.measured.accuracy_drop < 0.05
    assert set(made.measured.metrics) == {"map50", "map50_drop"}  # its cells can't be seen
    reports = verify(bundle.folder)
    assert [report.variant for report in reports] == ["float32", "portable"]
    require_all_ok(reports, bundle.folder)
    photo = cv2.imread(str(bundle.folder / bundle.manifest.golden[0].file))
    with Model.open(bundle.folder, variant="portable") as inside, Model.open(bundle.folder / made.file) as alone:
        assert inside(photo).to_dict() == alone(photo).to_dict()


def test_portable_is_refused_for_a_classifier(shapes_model, loose):
    with pytest.raises(UsageError, match="this is a classifier") as caught:
        job.convert(shapes_model.card.name, loose, recipes=("portable",))
    assert "open a classifier's files as they are" in caught.value.remedy


def test_a_portable_file_needs_no_figures_of_its_cells():
    measured = Measurement(0.6, 0.0, "ace", 0.0, 1.0, 0.0, 1.0, {}, {"map50": 0.9, "map50_drop": 0.0})
    assert refusal_reasons(measured, Gate(), "portable", "detection") == ""
    assert "a score differs by nan" in refusal_reasons(measured, Gate(), "float32", "detection")
    assert "mAP50" in refusal_reasons(replace(measured, metrics={"map50_drop": 0.05}), Gate(), "portable", "detection")

from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest

from edgetl.bundle import Bundle, GoldenPhoto, Manifest, Measurement, Variant, write_manifest
from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.files import sha256_of
from edgetl.golden import GoldenBox, GoldenBoxes, golden_card

CARD = ModelCard("tiny", "classification", ("a", "b", "c"), InputSpec(8, 8))
SCORES = [[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]


def variant(folder, recipe, *, accepted=True):
    measured = Measurement(0.9, 0.01, "b", 0.05, 0.99, 0.02, 1.5)
    if not accepted:
        return Variant(recipe, "tflite", "", "", 100, "", "", measured, False, "loses too much")
    file, golden = folder / f"{recipe}.tflite", folder / "golden" / f"{recipe}.json"
    file.write_bytes(recipe.encode())
    golden.write_text(json.dumps(SCORES))
    files = (file.name, sha256_of(file), 7, f"golden/{golden.name}", sha256_of(golden))
    return Variant(recipe, "tflite", *files, measured, True)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "golden").mkdir()
    photos = []
    for number in range(2):
        name = f"golden/{number}.png"
        cv2.imwrite(str(tmp_path / name), np.full((6, 7, 3), 40 * number, np.uint8))
        photos.append(GoldenPhoto(name, sha256_of(tmp_path / name), "a"))
    kinds = (
        variant(tmp_path, "static_wi8_ai8", accepted=False),
        variant(tmp_path, "float16"),
        variant(tmp_path, "float32"),
    )
    write_manifest(tmp_path, Manifest(CARD, "rpi", 2, "float16", kinds, tuple(photos)))
    return tmp_path


def edit(folder, how):
    path = folder / "bundle.json"
    document = json.loads(path.read_text())
    how(document)
    path.write_text(json.dumps(document))


def test_a_bundle_is_read_as_it_was_written(folder):
    bundle = Bundle.open(folder)
    assert (bundle.manifest.card, bundle.manifest.target, bundle.manifest.threads) == (CARD, "rpi", 2)
    assert [v.recipe for v in bundle.runnable] == ["float16", "float32"]
    assert bundle.manifest.variants[0].note == "loses too much"
    assert bundle.variant().recipe == "float16"
    assert bundle.variant("float32").recipe == "float32"
    assert bundle.model_file(bundle.variant("float32")).read_text() == "float32"
    assert [frame.shape for frame in bundle.golden_frames()] == [(6, 7, 3)] * 2
    assert np.allclose(bundle.golden_scores(bundle.variant()), SCORES)
    assert (folder / "labels.txt").read_text() == "a\nb\nc\n"


@pytest.mark.parametrize("recipe", ["int4", "static_wi8_ai8"])
def test_a_missing_or_refused_variant_cant_be_chosen(folder, recipe):
    with pytest.raises(UsageError, match=f"no variant '{recipe}' here") as caught:
        Bundle.open(folder).variant(recipe)
    assert caught.value.remedy == "choose one of: float16, float32"


OURS = "openvino-float16"


@pytest.fixture
def pair(folder):
    """`folder` with an OpenVINO variant, whose weights lie apart."""
    for suffix in ("xml", "bin"):
        (folder / f"{OURS}.{suffix}").write_text(suffix)
    (folder / f"golden/{OURS}.json").write_text(json.dumps(SCORES))
    files = {"file": f"{OURS}.xml", "weights": f"{OURS}.bin", "golden": f"golden/{OURS}.json"}
    keys = {"file": "sha256", "weights": "weights_sha256", "golden": "golden_sha256"}
    digests = {keys[key]: sha256_of(folder / name) for key, name in files.items()}
    edit(folder, lambda d: d["variants"].append({**d["variants"][1], "runtime": "openvino", **files, **digests}))
    edit(folder, lambda d: d.update(chosen=OURS))
    return folder


def test_variants_of_two_runtimes_have_different_names(pair):
    bundle = Bundle.open(pair)
    assert [v.name for v in bundle.runnable] == ["float16", "float32", OURS]
    assert (bundle.variant().name, bundle.variant().recipe, bundle.variant().runtime) == (OURS, "float16", "openvino")
    assert bundle.variant("float16").runtime == "tflite"
    assert bundle.variant("float16").files == {"float16.tflite": sha256_of(pair / "float16.tflite")}
    assert list(bundle.variant().files) == [f"{OURS}.xml", f"{OURS}.bin"]
    assert bundle.model_file(bundle.variant()) == pair / f"{OURS}.xml"
    assert np.allclose(bundle.golden_scores(bundle.variant()), SCORES)


BAD_WEIGHTS = {
    "'../x' leaves the bundle's folder": lambda d: d["variants"][3].update(weights="../x"),
    "'/x.bin' leaves the bundle's folder": lambda d: d["variants"][3].update(weights="/x.bin"),
    f"the weights of {OURS} must be '{OURS}.bin', got ''": lambda d: d["variants"][3].update(weights=""),
    f"the weights of {OURS} must be '{OURS}.bin', got 'labels.txt'": lambda d: d["variants"][3].update(
        weights="labels.txt"
    ),
    "the weights of float16 must be '', got 'x.bin'": lambda d: d["variants"][1].update(weights="x.bin"),
}


@pytest.mark.parametrize("message", BAD_WEIGHTS)
def test_weights_must_be_in_the_file_that_the_runtime_reads(pair, message):
    """A digest of a file that nothing reads would prove nothing."""
    edit(pair, BAD_WEIGHTS[message])
    with pytest.raises(ModelError) as caught:
        Bundle.open(pair)
    assert message in caught.value.what


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "altered": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
}


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("suffix", ["xml", "bin"])
def test_both_files_of_an_ir_are_checked(pair, suffix, kind):
    DAMAGES[kind](pair / f"{OURS}.{suffix}")
    bundle = Bundle.open(pair)
    message = "is missing from the bundle" if kind == "missing" else "was altered or cut short"
    with pytest.raises(ModelError, match=f"{OURS}.{suffix} {message}"):
        bundle.model_file(bundle.variant())


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("float16.tflite", lambda bundle: bundle.model_file(bundle.variant())),
        ("golden/float16.json", lambda bundle: bundle.golden_scores(bundle.variant())),
        ("golden/1.png", lambda bundle: bundle.golden_frames()),
    ],
)
def test_a_damaged_file_is_refused_and_named(folder, file, read, kind):
    DAMAGES[kind](folder / file)
    bundle = Bundle.open(folder)
    message = "is missing from the bundle" if kind == "missing" else "was altered or cut short"
    with pytest.raises(ModelError, match=f"{file} {message}") as caught:
        read(bundle)
    assert caught.value.where == str(folder / file)
    assert caught.value.remedy == "copy the whole folder again, or convert again"
    assert bundle.model_file(bundle.variant("float32")), "the others are as they were"


def test_a_pointer_of_git_lfs_in_place_of_a_file_is_named(folder):
    (folder / "float16.tflite").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    bundle = Bundle.open(folder)
    with pytest.raises(ModelError, match="Git LFS") as caught:
        bundle.model_file(bundle.variant("float16"))
    assert "git lfs pull" in caught.value.remedy


BAD = {
    "schema version 2 is unknown": lambda d: d.update(schema=2),
    "schema version None is unknown": lambda d: d.pop("schema"),
    "unknown key colour": lambda d: d.update(colour=1),
    "missing key target": lambda d: d.pop("target"),
    "threads must be int": lambda d: d.update(threads="2"),
    "unknown key variants[1].size": lambda d: d["variants"][1].update(size=1),
    "variants[1].runtime must be one of tflite, openvino": lambda d: d["variants"][1].update(runtime="onnx"),
    "variants[2].sha256 must be str": lambda d: d["variants"][2].update(sha256=None),
    "the chosen variant 'int4' is not there": lambda d: d.update(chosen="int4"),
    "the chosen variant 'static_wi8_ai8' is not there": lambda d: d.update(chosen="static_wi8_ai8"),
    "labels are empty or repeat": lambda d: d["card"].update(labels=["a", "a", "b"]),
    "300 golden photos": lambda d: d.update(golden=[d["golden"][0]] * 300),
    "threads must lie within": lambda d: d.update(threads=10**400),
    "label '\\ud800' can't be used": lambda d: d["card"].update(labels=["a", "b", "\ud800"]),
    "schema version 7 is unknown": lambda d: d["card"].update(schema=7),
    "'../x' leaves the bundle's folder": lambda d: d["variants"][1].update(file="../x"),
    "'/x' leaves the bundle's folder": lambda d: d["variants"][2].update(golden="/x"),
    "'golden/../../x' leaves the bundle's folder": lambda d: d["golden"][1].update(file="golden/../../x"),
}


@pytest.mark.parametrize(
    "scores", [[["a"] * 3] * 2, [[0.1] * 3, [0.1]], [[10**400] * 3] * 2, [[float("nan")] * 3] * 2, {}]
)
def test_golden_scores_that_are_no_numbers_are_refused(folder, scores):
    path = folder / "golden/float16.json"
    path.write_text(json.dumps(scores))
    edit(folder, lambda d: d["variants"][1].update(golden_sha256=sha256_of(path)))
    bundle = Bundle.open(folder)
    with pytest.raises(ModelError, match="golden scores"):
        bundle.golden_scores(bundle.variant("float16"))


@pytest.mark.parametrize("message", BAD)
def test_an_invalid_manifest_is_refused(folder, message):
    edit(folder, BAD[message])
    with pytest.raises(ModelError) as caught:
        Bundle.open(folder)
    assert message in caught.value.what
    assert caught.value.where == str(folder / "bundle.json")
    assert caught.value.remedy


@pytest.mark.parametrize("content", ["", "[]", "null", "{", '"x"'])
def test_a_manifest_that_is_no_table_is_refused(folder, content):
    (folder / "bundle.json").write_text(content)
    with pytest.raises(ModelError):
        Bundle.open(folder)


def test_golden_scores_of_another_shape_are_refused(folder):
    path = folder / "golden" / "float16.json"
    path.write_text(json.dumps(SCORES[:1]))
    edit(folder, lambda d: d["variants"][1].update(golden_sha256=sha256_of(path)))
    bundle = Bundle.open(folder)
    with pytest.raises(ModelError, match=r"golden scores have the shape \(1, 3\)"):
        bundle.golden_scores(bundle.variant())


BOX = {"class_id": 1, "score": 0.5, "xyxy": [1, 2.5, 3, 4]}


def put_boxes(folder, document):
    path = folder / "golden" / "float16.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    edit(folder, lambda d: d["variants"][1].update(golden_sha256=sha256_of(path)))
    return Bundle.open(folder)


def test_golden_boxes_are_read_as_they_were_written(folder):
    bundle = put_boxes(folder, [{"objects": [BOX], "suppressed": [BOX, BOX]}, {"objects": []}])
    box = GoldenBox(1, 0.5, (1.0, 2.5, 3.0, 4.0))
    assert bundle.golden_boxes(bundle.variant()) == [GoldenBoxes((box,), (box, box)), GoldenBoxes(())]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([{"objects": []}], "golden boxes are those of 1 photo, but the bundle has 2"),
        ({}, "the document must be a list"),
        ([{"objects": []}, []], r"\[1\] must be a table"),
        ([{"objects": []}, {}], r"missing key \[1\].objects"),
        ([{"objects": []}, {"objects": [{**BOX, "label": "b"}]}], r"unknown key \[1\].objects\[0\].label"),
        ([{"objects": []}, {"objects": [{**BOX, "xyxy": [1, 2, 3]}]}], "not a box of a model"),
        ([{"objects": []}, {"objects": [{**BOX, "class_id": 3}]}], "not a box of a model"),
        (
            [{"objects": [], "suppressed": [{**BOX, "class_id": -1}]}, {"objects": []}],
            "not a box of a model",
        ),
        ('[{"objects": [{"class_id": 1, "score": NaN, "xyxy": [1, 2, 3, 4]}]}, {"objects": []}]', "a finite number"),
        ("[", "can't be read"),
    ],
)
def test_invalid_golden_boxes_are_refused(folder, document, message):
    bundle = put_boxes(folder, document)
    with pytest.raises(ModelError, match=message) as caught:
        bundle.golden_boxes(bundle.variant())
    assert caught.value.where == str(folder / "golden" / "float16.json")


def test_altered_golden_boxes_are_refused(folder):
    (folder / "golden" / "float16.json").write_text(json.dumps([{"objects": []}] * 2))
    bundle = Bundle.open(folder)
    with pytest.raises(ModelError, match="was altered or cut short"):
        bundle.golden_boxes(bundle.variant())


def test_golden_photos_of_a_detector_are_processed_with_half_its_thresholds():
    card = dataclasses.replace(CARD, task="detection", decoding=DetectorDecoding((8,), (0.5, 0.25, 0.1), 0.6, 20))
    assert golden_card(card).decoding == DetectorDecoding((8,), (0.25, 0.125, 0.05), 0.6, 20)


def test_golden_photos_are_resampled_exactly():
    exact = dataclasses.replace(CARD.input, interpolation="linear_exact")
    assert golden_card(CARD) == dataclasses.replace(CARD, input=exact)


def test_a_manifest_from_before_other_metrics_and_weights_is_read(folder):
    for key in ("metrics", "weights", "weights_sha256"):
        edit(folder, lambda d, key=key: [v.pop(key) for v in d["variants"]])
    assert Bundle.open(folder).manifest.variants[1].measured.metrics == {}
    edit(folder, lambda d: d["variants"][1].update(metrics={"map50": 0.75}))
    assert Bundle.open(folder).variant().measured.metrics == {"map50": 0.75}

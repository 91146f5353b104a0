"""Unusable models, targets and bundles are refused with exit code, what, where and remedy."""

from __future__ import annotations

import json

import pytest
from homes import LOOSE_TARGET, edgetl, refused

from edgetl.card import ModelCard
from edgetl.target import target_names


@pytest.mark.parametrize("command", ["convert", "eval", "models show", "models remove --yes"])
def test_an_unknown_model_is_refused(home, command):
    done = edgetl(*command.split(), "tinny")
    refused(done, 2, "there is no model 'tinny'", f"where: {home.models}", "choose one of: tiny")


@pytest.mark.parametrize("command", ["convert", "eval", "models show", "models remove --yes"])
def test_a_model_name_that_leaves_the_store_is_refused(home, command):
    (home.folder / "x").mkdir()
    (home.folder / "x" / "card.json").write_text((home.models / "tiny" / "card.json").read_text())
    done = edgetl(*command.split(), "../models/../gone")
    refused(done, 2, "can't be a model's name", "letters, digits")


def test_an_unknown_target_is_refused(home):
    for args in (["convert", "tiny", "--target", "toaster"], ["targets", "show", "toaster"]):
        refused(edgetl(*args), 2, "unknown target 'toaster'", *target_names(), ".toml")


def test_an_unknown_recipe_is_refused(home):
    done = edgetl("convert", "tiny", "--target", home.target, "--recipe", "int4")
    refused(done, 2, "unknown recipe 'int4'", "static_wi8_ai8", "float32")


BAD_TARGETS = {
    "unknown key": ('color = "red"\n' + LOOSE_TARGET, "unknown key color; allowed: name, title, arch, runtimes"),
    "unknown key in a table": (LOOSE_TARGET + "drop = 1\n", "unknown key gate.drop; allowed: max_accuracy_drop"),
    "missing key": (LOOSE_TARGET.replace("threads = 1", ""), "missing key threads"),
    "wrong type": (LOOSE_TARGET.replace("threads = 1", 'threads = "1"'), "threads must be int, got str '1'"),
    "unknown value": (LOOSE_TARGET.replace("x86_64", "mips"), "arch must be one of aarch64, x86_64, got 'mips'"),
    "unknown recipe": (LOOSE_TARGET.replace("float16", "int4"), "recipes[1] must be one of float32, float16"),
    "no recipes": (LOOSE_TARGET.replace('["float32", "float16"]', "[]"), "recipes must name one or more"),
    "no threads": (LOOSE_TARGET.replace("threads = 1", "threads = 0"), "threads must be 1 or more, got 0"),
    "escaping name": ('name = "../../x"\n' + LOOSE_TARGET, "name must be letters, digits"),
    "a model's own folder": ('name = "report"\n' + LOOSE_TARGET, "name must not be 'report'"),
    "no TOML": ("title = ", "Invalid value"),
}


@pytest.mark.parametrize("kind", BAD_TARGETS)
def test_an_invalid_target_file_is_refused(home, kind):
    text, message = BAD_TARGETS[kind]
    (home.folder / "board.toml").write_text(text)
    done = edgetl("convert", "tiny", "--target", "board.toml")
    refused(done, 2, "the target file is not valid", message, "where: board.toml", "targets/rpi.toml")


@pytest.mark.slow
def test_gate_that_no_variant_meets_leaves_the_earlier_bundle(home):
    before = {path: path.read_bytes() for path in home.bundle.rglob("*") if path.is_file()}
    home.target.write_text(LOOSE_TARGET.replace("max_accuracy_drop = 1.0", "max_accuracy_drop = -1.0"))
    done = edgetl("convert", "tiny", "--target", home.target, "--recipe", "float32")
    refused(done, 5, "no variant of tiny meets the gate of loose", "float32 plain: loses 0.0 ± ", "[gate]")
    assert {path: path.read_bytes() for path in home.bundle.rglob("*") if path.is_file()} == before
    assert not list(home.bundle.parent.glob(".*"))


def test_a_damaged_keras_file_is_refused_by_convert(home):
    path = home.models / "tiny" / "model.keras"
    path.write_bytes(path.read_bytes()[:1000])
    for args in (["convert", "tiny", "--target", home.target], ["eval", "tiny"]):
        refused(edgetl(*args), 4, "the Keras model can't be loaded", "models/tiny/model.keras", "train it again")


def test_a_damaged_card_is_refused(home):
    path = home.models / "tiny" / "card.json"
    path.write_text(path.read_text()[:100])
    for args in (["convert", "tiny"], ["eval", "tiny"], ["models", "show", "tiny"]):
        refused(edgetl(*args), 4, "card.json can't be read", str(path))
    assert edgetl("models").code == 0


def damage_bundle(home, how):
    manifest = home.bundle / "bundle.json"
    document = json.loads(manifest.read_text())
    how(document)
    manifest.write_text(json.dumps(document))


def run_photos(model):
    return edgetl("run", model, "--source", "photos/disc", "--quiet")


DAMAGES = {
    "missing": (lambda path: path.unlink(), "float32.tflite is missing from the bundle"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "float32.tflite was altered or cut short"),
    "altered": (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "float32.tflite was altered"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_bundle_with_a_damaged_file_is_refused(home, kind):
    damage, message = DAMAGES[kind]
    damage(home.bundle / "float32.tflite")
    refused(run_photos(home.bundle), 4, message, f"where: {home.bundle / 'float32.tflite'}", "copy the whole folder")
    refused(edgetl("eval", home.bundle, "photos"), 4, message)
    done = edgetl("verify", home.bundle)
    refused(done, 5, "1 of 2 variants fail the golden replay: float32", f"where: {home.bundle}", "copy the bundle")
    assert message in done.err
    assert f"{'float16':<24} ok" in done.err


PATHS = ["/etc/hostname", "../../tiny/model.keras", "golden/../../x", "C:\\x", "..\\x", "c:x"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["file", "golden", "photo"])
def test_a_bundle_with_paths_outside_is_refused(home, path, key):
    def how(document):
        row = document["golden"][0] if key == "photo" else document["variants"][1]
        row["file" if key == "photo" else key] = path

    damage_bundle(home, how)
    message = f"{path!r} leaves the bundle's folder"
    for args in (["run", home.bundle, "--source", "photos/disc"], ["verify", home.bundle]):
        refused(edgetl(*args), 4, message, "bundle.json")


@pytest.mark.parametrize("version", [2, 0, None, "1", True])
@pytest.mark.parametrize("where", ["bundle", "card"])
def test_an_unknown_schema_version_is_refused(home, version, where):
    damage_bundle(home, lambda document: (document if where == "bundle" else document["card"]).update(schema=version))
    for args in (["run", home.bundle, "--source", "photos/disc"], ["verify", home.bundle]):
        refused(edgetl(*args), 4, "schema", str(home.bundle / "bundle.json"))


def test_a_bundle_of_a_newer_edgetl_asks_for_an_update(home):
    damage_bundle(home, lambda document: document.update(schema=2, invented_later=True))
    refused(run_photos(home.bundle), 4, "schema version 2 is unknown to this edgetl, which reads 1", "update this one")


def test_a_missing_bundle_is_refused(home):
    refused(run_photos(home.folder / "gone"), 2, "no such bundle or model file", str(home.folder / "gone"))
    refused(edgetl("verify", home.folder / "gone"), 2, "no such bundle or model file", str(home.folder / "gone"))


def test_a_folder_that_is_not_a_bundle_is_refused(home):
    refused(
        run_photos(home.photos), 4, "neither a bundle nor a .tflite or .xml file", str(home.photos), "edgetl convert"
    )


def test_an_unknown_variant_is_refused(home):
    refused(
        edgetl("run", home.bundle, "--variant", "int4", "--source", "photos/disc"), 2, "no variant 'int4'", "float32"
    )
    refused(edgetl("verify", home.bundle, "--variant", "int4"), 2, "no variant 'int4'", str(home.bundle), "float16")


@pytest.mark.parametrize("command", [["run", "--source", "photos/disc"], ["eval"]])
def test_labels_for_a_bundle_and_a_variant_of_a_file_are_refused(home, command):
    labels, file = ["--labels", home.bundle / "labels.txt"], home.bundle / "float32.tflite"
    refused(edgetl(*command, home.bundle, *labels), 2, "a bundle has labels of its own", str(home.bundle))
    refused(edgetl(*command, file, "--variant", "float32"), 2, "a single file has no variants", str(file))


@pytest.mark.real_data
def test_a_detector_cannot_be_evaluated_on_class_folders(data_folder, home):
    models = data_folder / "models"
    model, labels = models / "coco_ssd_mobilenet_v1_1.0_quant.tflite", models / "coco_labelmap.txt"
    refused(edgetl("eval", model, "photos", "--labels", labels), 3, "is a detector")


@pytest.mark.real_data
def test_labels_of_another_model_are_refused(data_folder, home):
    models = data_folder / "models"
    model, labels = models / "mobilenet_v1_0.25_128_quant.tflite", models / "coco_labelmap.txt"
    done = edgetl("run", model, "--labels", labels, "--source", "photos/disc")
    refused(done, 4, "the model has 1001 classes, but there are", "labels file")


def test_a_model_may_have_the_name_of_its_photos_folder(home):
    (home.models / "tiny").rename(home.models / "photos")
    done = edgetl("eval", "photos", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["photos"] == 6


def test_a_missing_source_is_refused(home):
    for source in ("gone.mp4", "gone.jpg", "nowhere/*.jpg", "/dev/video77", "77"):
        done = edgetl("run", home.bundle, "--source", source)
        refused(done, 6, source if source != "77" else "/dev/video77")


def test_the_bundle_has_the_models_card(home):
    bundle = json.loads((home.bundle / "bundle.json").read_text())
    card = ModelCard.load(home.models / "tiny" / "card.json")
    assert json.loads(json.dumps(card.to_dict())) == bundle["card"]

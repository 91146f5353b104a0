"""`edgetl convert --from`: classifiers that were trained elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from greys import LABELS, LEVELS, SIZE, build_greys, draw_greys, to_tflite
from homes import LOOSE_TARGET, edgetl, refused

from edgetl.bundle import Bundle
from edgetl.card import ModelCard
from edgetl.device.model import Model
from edgetl.files import sha256_of
from edgetl.vision.photo import read_photo

pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Model files by what they are; beside them the photos, labels and a target."""
    import keras

    from edgetl.quiet import quiet_output

    folder = tmp_path_factory.mktemp("elsewhere")
    draw_greys(folder / "photos")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "loose.toml").write_text(LOOSE_TARGET.replace("max_accuracy_drop = 1.0", "max_accuracy_drop = 0.0"))
    bare, logits = build_greys(), build_greys(scaled=True, softmax=False)
    bytes_in = build_greys(scaled=True, dtype="uint8", before=keras.layers.Rescaling(1.0))
    with quiet_output():
        bare.save(folder / "bare.keras")
        bare.save(folder / "bare.h5")
        bare.export(folder / "bare_saved")
        bytes_in.save(folder / "bytes.keras")
        logits.save(folder / "logits.keras")
        logits.save(folder / "logits.h5")
        logits.export(folder / "logits_saved")
        (folder / "bare.tflite").write_bytes(to_tflite(bare))
        (folder / "logits.tflite").write_bytes(to_tflite(logits))
        (folder / "bytes.tflite").write_bytes(to_tflite(bare, integer=True))
    return folder


@pytest.fixture
def elsewhere(made, empty_home, monkeypatch):
    """The files' folder as the current one, and a store that is empty."""
    monkeypatch.chdir(made)
    return empty_home


def convert_from(file, *args, labels="labels.txt", data="photos", target="loose.toml"):
    return edgetl("convert", "--from", file, "--labels", labels, "--data", data, "--target", target, *args)


MEASURED = "the model is best on -1..1 (top-1 on 30 photos: 0..255 20.0%, -1..1 100.0%"
INSIDE = "pixels: the model scales pixels itself, in its layer rescaling"
MAKES = {
    "bare.keras": (MEASURED, False),
    "bare.h5": (MEASURED, False),
    "bare_saved": (MEASURED, False),
    "bare.tflite": (MEASURED, False),
    "logits.keras": (INSIDE, True),
    "logits.h5": (INSIDE, True),
    "logits_saved": ("the model is best on 0..255", True),
    "logits.tflite": ("the model is best on 0..255", True),
    "bytes.keras": ("pixels: the model takes bytes", False),
    "bytes.tflite": ("pixels: the model takes bytes", False),
}


@pytest.mark.parametrize("file", MAKES)
def test_a_foreign_model_becomes_one_of_the_store_and_a_proved_bundle(elsewhere, made, file):
    how, softmax = MAKES[file]
    done = convert_from(file, "--name", "greys")
    assert done.code == 0, done.err
    told = " ".join(done.err.split())
    assert how in told
    assert ("a softmax is added" in told) == softmax
    bundle = Bundle.open(elsewhere.models / "greys" / "loose")
    card = bundle.manifest.card
    assert card == ModelCard.load(elsewhere.models / "greys" / "card.json")
    assert (card.labels, (card.input.height, card.input.width), card.metrics) == (LABELS, SIZE, {"top1": 1.0})
    assert (card.backbone.name, card.backbone.weights) == ("foreign", file)
    assert (made / file).is_dir() or card.backbone.weights_sha256 == sha256_of(made / file)
    recipes = ["as_given"] if file.endswith(".tflite") else ["float32", "float16"]
    assert [variant.recipe for variant in bundle.runnable] == recipes
    with Model.open(bundle.folder) as model:
        for label in LEVELS:
            found = model(read_photo(made / "photos" / label / "03.png"))
            assert found.labels == (label,)
            assert 0.3 < found.score[0] <= 1


@pytest.mark.parametrize("file", ["bare_saved", "logits.tflite", "logits.h5"])
def test_a_foreign_model_is_evaluated_verified_run_and_converted_again(elsewhere, file):
    assert convert_from(file, "--name", "greys", "--color", "bgr").code == 0
    bundle = elsewhere.models / "greys" / "loose"
    assert Bundle.open(bundle).manifest.card.input.color == "bgr"
    assert edgetl("verify", bundle).code == 0
    for model in ("greys", bundle):
        done = edgetl("eval", model, "--json")
        assert (done.code, json.loads(done.out)["top1"], json.loads(done.out)["photos"]) == (0, 1.0, 30)
    done = edgetl("run", bundle, "--source", "photos/snow", "--jsonl", "-", "--quiet")
    assert {json.loads(line)["classes"][0]["label"] for line in done.out.splitlines()} == {"snow"}
    done = edgetl("convert", "greys", "--target", "loose.toml")
    assert done.code == 0, done.err
    assert f"elsewhere, {file}" in edgetl("models").out


def test_the_photos_that_calibrate_are_not_those_that_judge(elsewhere):
    from edgetl.host.stored import dataset_of

    assert convert_from("bare.tflite").code == 0
    card = ModelCard.load(elsewhere.models / "bare" / "card.json")
    data = dataset_of(card)
    assert (card.dataset.train, card.dataset.val) == (30, 30)
    assert not set(data.train.paths) & set(data.val.paths)
    assert [data.labels[c] for c in data.val.classes] == [path.parent.name for path in data.val.paths]


def test_int8_is_made_of_a_keras_file_and_of_a_saved_model(elsewhere):
    for file in ("bare.keras", "bare_saved"):
        done = convert_from(file, "--recipe", "static_wi8_ai8", "--name", f"from-{file}")
        assert done.code == 0, done.err
        (variant,) = Bundle.open(elsewhere.models / f"from-{file}" / "loose").runnable
        assert (variant.name, variant.accuracy) == ("static_wi8_ai8", 1.0)


def test_more_labels_than_folders_are_no_mistake(elsewhere, made, tmp_path):
    (tmp_path / "few").mkdir()
    for label in ("snow", "night"):
        (tmp_path / "few" / label).symlink_to(made / "photos" / label)
    done = convert_from("bare.tflite", "--scale", "-1..1", data=tmp_path / "few")
    assert done.code == 0, done.err
    assert ModelCard.load(elsewhere.models / "bare" / "card.json").labels == LABELS
    assert json.loads(edgetl("eval", "bare", tmp_path / "few", "--json").out)["top1"] == 1.0


def test_a_scaling_that_was_asked_for_is_taken_and_a_useless_model_is_told(elsewhere):
    done = convert_from("bare.keras", "--scale", "0..255")
    assert done.code == 0, done.err
    assert "warning: top-1 20.0% is no better than to say" in " ".join(done.err.split())
    done = convert_from("logits.keras", "--scale", "0..255")
    assert "warning" not in done.err
    assert ModelCard.load(elsewhere.models / "logits" / "card.json").metrics == {"top1": 1.0}


def test_imagenets_scaling_goes_into_the_graph_channel_by_channel(elsewhere, made):
    from edgetl.host.convert.scaling import SCALINGS
    from edgetl.host.stored import load_network
    from edgetl.store import open_model

    wanted = build_greys()
    photo = read_photo(made / "photos" / "dusk" / "01.png")[:24, :32]
    mean, std = (np.array(values) for values in (SCALINGS["imagenet"].mean, SCALINGS["imagenet"].std))
    said = wanted.predict_on_batch(((photo[None] - mean) / std).astype(np.float32))
    for file in ("bare.keras", "bare_saved", "bare.tflite"):
        done = convert_from(file, "--scale", "imagenet", "--name", f"from-{file}")
        assert done.code == 0, done.err
        assert np.abs(load_network(open_model(f"from-{file}")).predict_on_batch(photo[None]) - said).max() < 1e-4


def test_a_rescaling_at_the_start_becomes_the_stored_models_own(elsewhere):
    from edgetl.host.stored import load_network
    from edgetl.store import open_model

    assert convert_from("logits.keras", "--recipe", "float32").code == 0
    network = load_network(open_model("logits"))
    scale = network.get_layer("scale")
    assert (scale.scale, scale.offset) == (pytest.approx(1 / 127.5), -1)
    assert not [layer for layer in network.get_layer("network").layers[1].layers if "rescaling" in layer.name]


def test_training_can_t_begin_from_a_foreign_model(elsewhere):
    assert convert_from("bare.keras", "--recipe", "float32").code == 0
    done = edgetl("train", "photos", "--name", "new", "--weights", "bare")
    refused(done, 2, "unknown backbone 'foreign'", "choose one of mobilenet_v1")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_code_inside_a_file_is_not_run(elsewhere, suffix):
    import keras

    layer = keras.layers.Lambda(lambda pixels: (open("evil", "w").close(), pixels)[1])  # noqa: PTH123
    build_greys(before=layer).save(f"evil.{suffix}")
    Path("evil").unlink()
    done = convert_from(f"evil.{suffix}")
    refused(done, 4, "code inside, in a Lambda layer", f"where: evil.{suffix}", "model.export('FOLDER')")
    assert not Path("evil").exists()
    assert not (elsewhere.models / "evil").exists()


def test_a_model_that_needs_code_of_its_own_is_refused(elsewhere):
    import keras

    class Odd(keras.layers.Layer):
        def call(self, pixels):
            return pixels

    model = build_greys(before=Odd())
    for suffix in ("keras", "h5"):
        model.save(f"odd.{suffix}")
        refused(convert_from(f"odd.{suffix}"), 4, "needs code of its own", ": Odd", "model.export('FOLDER')")


def test_a_saved_model_that_writes_files_is_refused(elsewhere, tmp_path):
    import tensorflow as tf

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, *SIZE, 3))])
        def serve(self, pixels):
            tf.io.write_file(str(tmp_path / "evil"), "x")
            return tf.reduce_mean(pixels, (1, 2))

    module = Writer()
    tf.saved_model.save(module, str(tmp_path / "writer"), signatures=module.serve)
    refused(convert_from(tmp_path / "writer"), 4, "does more than compute: WriteFile", "without those operations")
    assert not (tmp_path / "evil").exists()


MISFITS = {
    "four channels": ({"shape": (*SIZE, 4)}, "the model's input is (None, 24, 32, 4)", "one (H, W, 3) image"),
    "two inputs": ({"inputs": 2}, "the model has 2 inputs: (None, ", "one (H, W, 3) image"),
    "no fixed size": ({"shape": (None, None, 3)}, "size of the model's input is not fixed", "keras.Input((H, W, 3))"),
    "a fixed batch": ({"batch": 2}, "the model's input is (2, 24, 32, 3)", "one (H, W, 3) image"),
}


@pytest.mark.parametrize(
    ("file", "kind"),
    [("misfit.keras", kind) for kind in MISFITS] + [("misfit_saved", kind) for kind in list(MISFITS)[:2]],
)
def test_an_input_that_edgetl_cant_feed(elsewhere, file, kind):
    from edgetl.quiet import quiet_output

    options, says, remedy = MISFITS[kind]
    model = build_greys(**options)
    with quiet_output():
        model.save(file) if file.endswith("keras") else model.export(file)
    refused(convert_from(file), 4, says, f"where: {file}", remedy)


def test_outputs_that_are_no_classifiers(elsewhere):
    import keras

    image = keras.Input((*SIZE, 3))
    keras.Model(image, keras.layers.Conv2D(2, 1)(image)).save("maps.keras")
    done = convert_from("maps.keras")
    refused(done, 4, "outputs (None, 24, 32, 2) are not a classifier's", "one output, (N, classes)")


def test_files_that_are_no_models(elsewhere, tmp_path):
    build_greys().save_weights("only.weights.h5")
    refused(convert_from("only.weights.h5"), 4, "holds weights, but no network", "not weights alone")
    for name in ("text.keras", "text.h5"):
        Path(name).write_text("no model")
        refused(convert_from(name), 4, "Keras can't open the model: ", f"where: {name}", "model.save()")
    Path("text.tflite").write_text("no model")
    refused(convert_from("text.tflite"), 4, "refuses the model", "where: text.tflite")
    Path("text.onnx").write_text("no model")
    refused(convert_from("text.onnx"), 4, "neither a .keras", "model.export('FOLDER')")
    (tmp_path / "empty").mkdir()
    refused(convert_from(tmp_path / "empty"), 4, "nor the folder of a SavedModel")
    (tmp_path / "empty" / "saved_model.pb").write_text("no model")
    refused(convert_from(tmp_path / "empty"), 4, "TensorFlow can't open the SavedModel", "variables/")
    refused(convert_from("gone.h5"), 2, "there is no such model file", "where: gone.h5", "--from")


def test_labels_that_dont_fit(elsewhere, tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join(LABELS[:4]))
    done = convert_from("bare.keras", labels=tmp_path / "labels.txt")
    refused(done, 4, "the model has 5 outputs, labels.txt 4 lines", str(tmp_path), "in the order of the outputs")
    (tmp_path / "labels.txt").write_text("\n".join(["dawn", *LABELS[1:]]))
    done = convert_from("bare.keras", labels=tmp_path / "labels.txt")
    refused(done, 3, "the model doesn't know the classes night", "where: photos", "name the class folders")
    (tmp_path / "labels.txt").write_text("\n".join([*LABELS[1:], LABELS[0]]))
    done = convert_from("bare.keras", labels=tmp_path / "labels.txt")
    refused(done, 2, "with no scaling of pixels does the model recognise the photos", "--labels has the order")


def test_scalings_that_are_too_close_to_tell(elsewhere, made, tmp_path):
    (tmp_path / "two").mkdir()
    for label in ("snow", "night"):
        (tmp_path / "two" / label).symlink_to(made / "photos" / label)
    done = convert_from("bare.keras", data=tmp_path / "two")
    refused(done, 2, "-1..1 and imagenet are too close to tell; top-1: ", "give --scale: what the training code makes")


def test_a_scaling_for_a_model_that_takes_bytes(elsewhere):
    refused(convert_from("bytes.tflite", "--scale", "-1..1"), 2, "takes bytes: --scale can't be given", "leave --scale")


def test_a_tflite_file_is_bundled_for_tflite_alone(elsewhere):
    for name, option in (("a", ["--recipe", "float16"]), ("b", ["--runtime", "openvino"])):
        done = convert_from("bare.tflite", *option, "--name", name)
        refused(done, 2, "is bundled as it is, for tflite alone", "leave --recipe and --runtime out")


@pytest.mark.parametrize("gone", ["--labels", "--data"])
def test_what_from_cant_do_without(elsewhere, gone):
    given = {"--labels": "labels.txt", "--data": "photos"}
    del given[gone]
    refused(edgetl("convert", "--from", "bare.keras", *sum(given.items(), ())), 2, f"--from needs {gone}, too")


def test_options_that_contradict(elsewhere):
    refused(convert_from("bare.keras", "greys"), 2, "NAME can't be given with --from: call the model by --name")
    for option in (["--labels", "x"], ["--name", "x"], ["--color", "bgr"], ["--scale", "0..1"], ["--resize", "crop"]):
        refused(edgetl("convert", "greys", *option), 2, f"{option[0]} is for --from alone", "--help")
    refused(convert_from("bare.keras", "--name", "../x"), 2, "'../x' can't be a model's name")


def test_what_edgetl_made_is_pointed_to(home):
    (home.folder / "labels.txt").write_text("cross\ndisc\nsquare\n")
    args = ("--labels", "labels.txt", "--data", "photos")
    for path in (home.models / "tiny" / "model.keras", home.models / "tiny"):
        done = edgetl("convert", "--from", path, "--name", "new", *args)
        refused(done, 2, "this is a model of edgetl's", "edgetl convert tiny")
    done = edgetl("convert", "--from", home.bundle / "float32.tflite", "--name", "new", *args)
    refused(done, 2, "carries edgetl's model card", "convert its model of the store")
    (home.folder / "tiny.tflite").write_bytes(to_tflite(build_greys()))
    done = edgetl("convert", "--from", "tiny.tflite", *args)
    refused(done, 2, "has a model 'tiny' already", "edgetl convert tiny", "--name", "edgetl models remove tiny")


def test_a_second_file_of_that_name_leaves_the_first_one_and_its_bundles(elsewhere):
    assert convert_from("bare.keras", "--recipe", "float32", "--name", "greys").code == 0
    before = {path: path.read_bytes() for path in (elsewhere.models / "greys").rglob("*") if path.is_file()}
    refused(convert_from("logits.keras", "--name", "greys"), 2, "has a model 'greys' already")
    assert before == {path: path.read_bytes() for path in (elsewhere.models / "greys").rglob("*") if path.is_file()}


def test_a_saved_model_that_prints_into_a_file_writes_none(elsewhere, tmp_path):
    import tensorflow as tf

    class Printing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 24, 32, 3), tf.float32)])
        def __call__(self, x):
            tf.print("written", output_stream=f"file://{tmp_path}/written.txt")
            return tf.reduce_mean(x, (1, 2)) @ tf.ones((3, len(LABELS)))

    tf.saved_model.save(Printing(), str(tmp_path / "printing"))
    refused(convert_from(tmp_path / "printing"), 4, "PrintV2")
    assert not (tmp_path / "written.txt").exists()


def test_what_the_converter_cant_do_is_told_in_a_line(elsewhere, monkeypatch):
    from edgetl.host.convert import tflite

    def refuse(*_):
        raise ValueError("op 'tf.Betainc' is neither a custom op nor a flex op\nmodule {\n")

    monkeypatch.setattr(tflite, "_convert", refuse)
    done = convert_from("bare.keras", "--recipe", "float32", "--name", "odd")
    refused(done, 4, "TensorFlow's converter can't make float32 of the model: op 'tf.Betainc' is neither", "--runtime")
    assert "module {" not in done.err


def test_a_file_of_keras_2_opens(elsewhere):
    import h5py
    import keras

    build_greys(before=keras.layers.DepthwiseConv2D(1, use_bias=False, depthwise_initializer="ones")).save("old.h5")
    with h5py.File("old.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        depthwise = next(c for c in config["config"]["layers"] if c["class_name"] == "DepthwiseConv2D")
        depthwise["config"]["groups"] = 1  # as Keras 2 wrote it
        file.attrs["model_config"] = json.dumps(config)
    before = Path("old.h5").read_bytes()
    done = convert_from("old.h5", "--recipe", "float32")
    assert done.code == 0, done.err
    assert Path("old.h5").read_bytes() == before


@pytest.mark.real_data
def test_a_published_file_of_keras_2_opens(data_folder):
    from edgetl.host.convert.foreign_keras import open_keras

    model = open_keras(data_folder / "weights" / "vww_96.h5")
    assert (model.size, model.classes, model.scaling) == ((96, 96), 2, None)

"""`edgetl convert --from` refuses unusable models with a remedy and never runs their code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from greys import LABELS, SIZE, build_greys, to_tflite
from homes import convert_from, edgetl, refused

pytest.importorskip("tensorflow")


def test_training_can_t_begin_from_a_foreign_model(elsewhere):
    assert convert_from("bare.keras", "--recipe", "float32").code == 0
    done = edgetl("train", "photos", "--name", "new", "--weights", "bare")
    refused(done, 2, "unknown backbone 'foreign'", "choose one of mobilenet_v1")


@pytest.mark.parametrize("name", ["model.keras", "saved/saved_model.pb", "saved/variables/variables.index"])
def test_a_named_pipe_is_refused_without_waiting(elsewhere, name):
    file = elsewhere.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file)
    if "variables" in name:
        (elsewhere.folder / "saved" / "saved_model.pb").write_bytes(b"x")
    refused(convert_from(elsewhere.folder / name.split("/")[0]), 4)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"<!DOCTYPE html>", "web page"), (b"\x1c\0\0\0TFL3", ".tflite model")],
)
def test_a_file_of_another_kind_is_refused_by_its_kind(elsewhere, content, says):
    Path("odd.keras").write_bytes(content)
    refused(convert_from("odd.keras"), 4, says, "where: odd.keras")


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
def test_a_model_with_another_kind_of_input_is_refused(elsewhere, file, kind):
    from edgetl.quiet import quiet_output

    options, says, remedy = MISFITS[kind]
    model = build_greys(**options)
    with quiet_output():
        model.save(file) if file.endswith("keras") else model.export(file)
    refused(convert_from(file), 4, says, f"where: {file}", remedy)


def test_a_model_without_class_scores_is_refused(elsewhere):
    import keras

    image = keras.Input((*SIZE, 3))
    keras.Model(image, keras.layers.Conv2D(2, 1)(image)).save("maps.keras")
    done = convert_from("maps.keras")
    refused(done, 4, "outputs (None, 24, 32, 2) are not a classifier's", "one output, (N, classes)")


def test_a_file_that_is_not_a_whole_model_is_refused(elsewhere, tmp_path):
    build_greys().save_weights("only.weights.h5")
    refused(convert_from("only.weights.h5"), 4, "holds weights, but no network", "not weights alone")
    for name in ("text.keras", "text.h5"):
        Path(name).write_text("no model")
        refused(convert_from(name), 4, "Keras can't open the model: ", f"where: {name}", "model.save()")
    Path("text.tflite").write_text("no model")
    refused(convert_from("text.tflite"), 4, "not a .tflite model", "where: text.tflite")
    Path("text.onnx").write_text("no model")
    refused(convert_from("text.onnx"), 4, "neither a .keras", "model.export('FOLDER')")
    (tmp_path / "empty").mkdir()
    refused(convert_from(tmp_path / "empty"), 4, "nor the folder of a SavedModel")
    (tmp_path / "empty" / "saved_model.pb").write_text("no model")
    refused(convert_from(tmp_path / "empty"), 4, "TensorFlow can't open the SavedModel", "variables/")
    refused(convert_from("gone.h5"), 2, "there is no such model file", "where: gone.h5", "--from")


def test_labels_that_dont_fit_the_model_are_refused(elsewhere, tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join(LABELS[:4]))
    done = convert_from("bare.keras", labels=tmp_path / "labels.txt")
    refused(
        done, 4, "the model has 5 outputs, but labels.txt has 4 lines", str(tmp_path), "in the order of the outputs"
    )
    (tmp_path / "labels.txt").write_text("\n".join(["dawn", *LABELS[1:]]))
    done = convert_from("bare.keras", labels=tmp_path / "labels.txt")
    refused(
        done, 3, "the model doesn't know the classes night", f"where: {Path('photos').absolute()}", "name the class"
    )
    (tmp_path / "labels.txt").write_text("\n".join([*LABELS[1:], LABELS[0]]))
    done = convert_from("bare.keras", labels=tmp_path / "labels.txt")
    refused(done, 2, "doesn't recognise the photos, whichever way pixels are scaled", "--labels has the order")


def test_two_scalings_that_are_equally_good_ask_for_scale(elsewhere, made, tmp_path):
    (tmp_path / "two").mkdir()
    for label in ("snow", "night"):
        (tmp_path / "two" / label).symlink_to(made / "photos" / label)
    done = convert_from("bare.keras", data=tmp_path / "two")
    refused(done, 2, "-1..1 and imagenet are too close to choose", "give --scale as in the training code")


def test_scale_is_refused_for_a_model_that_takes_bytes(elsewhere):
    refused(convert_from("bytes.tflite", "--scale", "-1..1"), 2, "takes bytes: --scale can't be given", "leave --scale")


def test_a_tflite_file_is_bundled_for_tflite_alone(elsewhere):
    for name, option in (("a", ["--recipe", "float16"]), ("b", ["--runtime", "openvino"])):
        done = convert_from("bare.tflite", *option, "--name", name)
        refused(done, 2, "can only be bundled as it is", "leave --recipe and --runtime out")


@pytest.mark.parametrize("gone", ["--labels", "--data"])
def test_from_requires_labels_and_data(elsewhere, gone):
    given = {"--labels": "labels.txt", "--data": "photos"}
    del given[gone]
    refused(edgetl("convert", "--from", "bare.keras", *sum(given.items(), ())), 2, f"--from also needs {gone}")


def test_contradicting_options_are_refused(elsewhere):
    refused(convert_from("bare.keras", "greys"), 2, "NAME can't be used with --from; --name names the model")
    for option in (["--labels", "x"], ["--name", "x"], ["--color", "bgr"], ["--scale", "0..1"], ["--resize", "crop"]):
        refused(edgetl("convert", "greys", *option), 2, f"{option[0]} can be used only with --from", "--help")
    refused(convert_from("bare.keras", "--name", "../x"), 2, "'../x' can't be a model's name")


def test_a_model_that_edgetl_made_is_not_imported(home):
    (home.folder / "labels.txt").write_text("cross\ndisc\nsquare\n")
    args = ("--labels", "labels.txt", "--data", "photos")
    for path in (home.models / "tiny" / "model.keras", home.models / "tiny"):
        done = edgetl("convert", "--from", path, "--name", "new", *args)
        refused(done, 2, "edgetl made this model", "edgetl convert tiny")
    done = edgetl("convert", "--from", home.bundle / "float32.tflite", "--name", "new", *args)
    refused(done, 2, "carries edgetl's model card", "convert its model of the store")
    (home.folder / "tiny.tflite").write_bytes(to_tflite(build_greys()))
    done = edgetl("convert", "--from", "tiny.tflite", *args)
    refused(done, 2, "already has a model 'tiny'", "edgetl convert tiny", "--name", "edgetl models remove tiny")


def test_a_second_file_of_that_name_leaves_the_first_one_and_its_bundles(elsewhere):
    assert convert_from("bare.keras", "--recipe", "float32", "--name", "greys").code == 0
    before = {path: path.read_bytes() for path in (elsewhere.models / "greys").rglob("*") if path.is_file()}
    refused(convert_from("logits.keras", "--name", "greys"), 2, "already has a model 'greys'")
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


def test_an_error_of_tensorflows_converter_is_reported_in_one_line(elsewhere, monkeypatch):
    from edgetl.host.convert.tflite import export as tflite

    def refuse(*_):
        raise ValueError("op 'tf.Betainc' is neither a custom op nor a flex op\nmodule {\n")

    monkeypatch.setattr(tflite, "_convert", refuse)
    done = convert_from("bare.keras", "--recipe", "float32", "--name", "odd")
    refused(done, 4, "TensorFlow's converter can't make float32 of the model: op 'tf.Betainc' is neither", "--runtime")
    assert "module {" not in done.err

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgetl.errors import ModelError, UsageError
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.convert.tflite.export import export, operations
from edgetl.host.networks.stored import load_keras, predict


@pytest.fixture(scope="module")
def files(keras_model, shapes_data):
    """A function that makes the file of a recipe, once."""
    made = {}

    def made_once(recipe):
        if recipe not in made:
            made[recipe] = export(SavedModels(keras_model), recipe, shapes_data.train.batch(slice(0, 24)))
        return made[recipe]

    return made_once


def interpreter(content):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without delegates every tensor and operation is the file's own.
    made = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    made.allocate_tensors()
    return made


def scores(content, pixels):
    made = interpreter(content)
    (given,), (said,) = made.get_input_details(), made.get_output_details()
    rows = []
    for photo in pixels:
        made.set_tensor(given["index"], photo[None])
        made.invoke()
        rows.append(made.get_tensor(said["index"])[0].astype(np.float32))
    scale, zero_point = said["quantization"]
    return (np.stack(rows) - zero_point) * (scale or 1)


def weights_of(content):
    """The weights of convolutions and dense layers, with dtype and quantization."""
    made = interpreter(content)
    details = {d["index"]: d for d in made.get_tensor_details()}
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return [(op["op_name"], details[op["inputs"][1]]) for op in made._get_ops_details() if op["op_name"] in kinds]


@pytest.mark.parametrize(
    ("recipe", "within"), [("float32", 1e-4), ("float16", 5e-3), ("dynamic_wi8_afp32", 0.05), ("static_wi8_ai8", 0.15)]
)
def test_a_recipe_computes_what_keras_computes_on_every_validation_photo(
    recipe, within, files, keras_model, shapes_data
):
    val = shapes_data.val
    wanted = predict(keras_model, val)
    assert np.ptp(wanted, axis=0).min() > 0.1, "the model says the same of everything"
    assert np.abs(scores(files(recipe), val.batch(slice(None))) - wanted).max() < within


@pytest.mark.parametrize("recipe", ["float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8"])
def test_every_recipe_takes_raw_pixels(recipe, files):
    made = interpreter(files(recipe))
    (given,), (said,) = made.get_input_details(), made.get_output_details()
    assert given["dtype"] is np.uint8
    assert given["shape"].tolist() == [1, 96, 96, 3]
    assert said["dtype"] is (np.uint8 if recipe == "static_wi8_ai8" else np.float32)


def test_static_int8_has_weights_by_channel_and_the_scaling_in_its_input(files):
    content = files("static_wi8_ai8")
    found = weights_of(content)
    assert {name for name, _ in found} == {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
    for name, weight in found:
        assert weight["dtype"] is np.int8, weight["name"]
        axis = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}[name]
        parameters = weight["quantization_parameters"]
        assert len(parameters["scales"]) == weight["shape"][axis] > 1, f"{name} {weight['name']} has one scale"
        assert parameters["quantized_dimension"] == axis
        assert not parameters["zero_points"].any()
    (given,) = interpreter(content).get_input_details()
    scale, zero_point = given["quantization"]
    assert scale == pytest.approx(1 / 127.5, rel=1e-3)
    assert zero_point == 127
    names = {op["op_name"] for op in interpreter(content)._get_ops_details()}
    assert not names & {"CAST", "MUL", "ADD", "DEQUANTIZE"}, "the value scaling is still an operation"


def test_dynamic_int8_has_small_weights_and_float_activations(files, options):
    """Layers of less than 1,024 weights stay in float, so this one has more."""
    from networks import build_small, resolved_classifier

    from edgetl.host.train.classifier.network import assemble

    wide = assemble(build_small("", 1, 96, 96), 3, resolved_classifier(replace(options, head=128))).model
    made = interpreter(export(SavedModels(wide), "dynamic_wi8_afp32", np.zeros((1, 96, 96, 3), np.uint8)))
    details = {d["index"]: d for d in made.get_tensor_details()}
    hidden, last = [op for op in made._get_ops_details() if op["op_name"] == "FULLY_CONNECTED"]
    assert [details[hidden["inputs"][1]]["dtype"], details[last["inputs"][1]]["dtype"]] == [np.int8, np.float32]
    assert details[hidden["outputs"][0]]["dtype"] is np.float32
    assert {weight["dtype"] for _, weight in weights_of(files("float32"))} == {np.float32}


def test_float16_halves_the_weights(options):
    from networks import build_small, resolved_classifier

    from edgetl.host.train.classifier.network import assemble

    wide = assemble(build_small("", 1, 96, 96), 3, resolved_classifier(replace(options, head=1024))).model
    photo = np.zeros((1, 96, 96, 3), np.uint8)
    assert len(export(SavedModels(wide), "float16", photo)) < 0.7 * len(export(SavedModels(wide), "float32", photo))


def test_calibration_covers_black_and_white_with_any_photos(keras_model):
    """Calibration with dim photos would otherwise clip the pixels of a bright one."""
    dim = np.full((3, 96, 96, 3), 90, np.uint8)
    content = export(SavedModels(keras_model), "static_wi8_ai8", dim)
    assert interpreter(content).get_input_details()[0]["quantization"][0] == pytest.approx(1 / 127.5, rel=1e-3)
    assert (dim == 90).all(), "the photos given were changed"


@pytest.mark.slow
def test_the_first_operations_can_stay_in_float(keras_model, shapes_data):
    photos = shapes_data.train.batch(slice(0, 16))
    names = operations(SavedModels(keras_model), photos)
    assert len(names) == len(set(names)) >= 5
    content = export(SavedModels(keras_model), "static_wi8_ai8", photos, names[:3])

    def quantized(file):
        made = interpreter(file)
        details = {d["index"]: d for d in made.get_tensor_details()}
        ops = [
            op for op in made._get_ops_details() if op["op_name"] not in ("DEQUANTIZE", "QUANTIZE", "CAST", "DELEGATE")
        ]
        outputs = [details[i] for op in ops for i in op["outputs"]]
        return {d["name"] for d in outputs if d["dtype"] is np.int8}, {
            d["name"] for d in outputs if d["dtype"] is np.float32
        }

    assert quantized(export(SavedModels(keras_model), "static_wi8_ai8", photos))[1] == set()
    in_int8, in_float = quantized(content)
    assert set(names[:3]) == in_float
    assert in_int8
    (given,) = interpreter(content).get_input_details()
    assert given["dtype"] is np.uint8, "it takes raw pixels all the same"
    said = scores(content, shapes_data.val.batch(slice(None)))
    assert np.abs(said - predict(keras_model, shapes_data.val)).max() < 0.15


def test_a_damaged_keras_file_is_refused(shapes_model, tmp_path):
    content = shapes_model.weights.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"not a zip"):
        (tmp_path / "model.keras").write_bytes(damaged)
        with pytest.raises(ModelError, match="can't be loaded") as caught:
            load_keras(replace(shapes_model, folder=tmp_path))
        assert caught.value.exit_code == 4
    with pytest.raises(ModelError):
        load_keras(replace(shapes_model, folder=tmp_path / "nowhere"))


def test_conversion_on_another_backend_is_refused(monkeypatch, keras_model, shapes_data):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UsageError, match="needs Keras on TensorFlow, but it runs on jax"):
        export(SavedModels(keras_model), "float32", shapes_data.val.batch(slice(0, 1)))


def test_the_device_recipe_equals_static_int8_with_int8_at_both_ends(keras_model, shapes_data):
    """Its pixels and scores are those of static int8 minus 128, for every photo."""
    photos, val = shapes_data.train.batch(slice(0, 24)), shapes_data.val.batch(slice(None))
    plain, device = (
        interpreter(export(SavedModels(keras_model), recipe, photos)) for recipe in ("static_wi8_ai8", "device_wi8_ai8")
    )
    assert {made.get_input_details()[0]["dtype"] for made in (plain, device)} == {np.uint8, np.int8}
    assert device.get_output_details()[0]["dtype"] is np.int8
    for photo in val:
        answers = []
        for made, pixels in ((plain, photo), (device, (photo ^ 128).view(np.int8))):
            made.set_tensor(made.get_input_details()[0]["index"], pixels[None])
            made.invoke()
            answers.append(made.get_tensor(made.get_output_details()[0]["index"])[0].astype(int))
        assert (answers[0] - 128 == answers[1]).all()

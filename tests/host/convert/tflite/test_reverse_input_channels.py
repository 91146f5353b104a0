"""A file with reversed input channels takes BGR and gives the same outputs."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgetl import Model
from edgetl.device.inference.channel_order import BGR_INPUT
from edgetl.errors import ModelError
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.convert.tflite.export import export
from edgetl.host.convert.tflite.metadata import embed
from edgetl.host.convert.tflite.reverse_input_channels import reverse_input_channels


@pytest.fixture(scope="module")
def photos(shapes_data):
    return shapes_data.train.batch(slice(0, 24))


@pytest.fixture(scope="module")
def device_file(keras_model, photos):
    return export(SavedModels(keras_model), "device_wi8_ai8", photos)


def answer(model, photo):
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], (photo ^ 128).view(np.int8)[None])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_a_file_with_reversed_channels_gives_the_same_outputs(device_file, shapes_data):
    turned, unlike = reverse_input_channels(device_file), 0
    for photo in shapes_data.val.batch(slice(None)):
        expected = answer(device_file, photo)
        np.testing.assert_array_equal(answer(turned, np.ascontiguousarray(photo[..., ::-1])), expected)
        unlike += (answer(turned, photo) != expected).any()
    assert unlike, "fed as before, it answers otherwise"


def test_edgetl_feeds_bgr_to_a_file_with_reversed_channels(device_file, shapes_model, shapes_data, tmp_path):
    card = shapes_model.card
    plain, turned = tmp_path / "plain.tflite", tmp_path / "turned.tflite"
    plain.write_bytes(embed(device_file, card))
    turned.write_bytes(embed(reverse_input_channels(device_file), card))
    rgb, bgr = Model.open(plain), Model.open(turned)
    assert Interpreter(str(turned)).get_input_details()[0]["name"] == BGR_INPUT
    for photo in shapes_data.val.batch(slice(None)):
        np.testing.assert_array_equal(bgr.scores(photo), rgb.scores(photo))


def test_a_file_without_a_convolution_first_is_unchanged(keras_model, photos):
    scaled_first = export(SavedModels(keras_model), "float32", photos)
    assert reverse_input_channels(scaled_first) is scaled_first


def test_bytes_that_are_not_a_model_are_refused():
    with pytest.raises(ModelError, match=r"not a \.tflite model"):
        reverse_input_channels(b"no model at all")

"""The export of a Keras model that all recipes and runtimes share."""

from __future__ import annotations

import gc
from collections import Counter

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgetl.host.convert import saved_models
from edgetl.host.convert.openvino import export as openvino
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.convert.tflite.edit_graph import parse
from edgetl.host.convert.tflite.export import export


@pytest.fixture(scope="module")
def exported(three_level_network):
    return SavedModels(three_level_network)


def tflite_operations(content):
    parsed = parse(content)
    codes = [parsed.operatorCodes[operator.opcodeIndex].builtinCode for operator in parsed.subgraphs[0].operators]
    return Counter(codes)


PHOTOS = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), np.uint8)
OPERATOR = schema.BuiltinOperator


@pytest.mark.parametrize("recipe", ["float32", "static_wi8_ai8"])
def test_upsampling_is_one_resize_in_a_tflite_file(exported, recipe):
    found = tflite_operations(export(exported, recipe, PHOTOS))
    assert found[OPERATOR.RESIZE_NEAREST_NEIGHBOR] == 2
    assert not {OPERATOR.TILE, OPERATOR.SHAPE, OPERATOR.STRIDED_SLICE, OPERATOR.PACK} & set(found)


def test_upsampling_is_one_resize_in_an_openvino_graph(exported):
    kinds = Counter(node.get_type_name() for node in openvino.graph(exported).get_ops())
    assert kinds["Interpolate"] == 2
    assert not kinds["Tile"] + kinds["ShapeOf"]


def test_a_saved_model_computes_what_keras_computes(three_level_network, exported):
    import tensorflow as tf

    serve = tf.saved_model.load(str(exported.whole)).signatures["serving_default"]
    said = serve(image=PHOTOS[:1])
    for i, wanted in enumerate(three_level_network.predict_on_batch(PHOTOS[:1])):
        np.testing.assert_allclose(said[f"output_{i}"], wanted, atol=1e-4)


def test_the_model_is_exported_once_for_all_recipes_and_runtimes(keras_model, monkeypatch):
    made, save = [], saved_models._save
    monkeypatch.setattr(saved_models, "_save", lambda model, folder: made.append(folder.name) or save(model, folder))
    models = SavedModels(keras_model)
    for recipe in ("float32", "float16", "static_wi8_ai8", "device_wi8_ai8"):
        export(models, recipe, PHOTOS)
    openvino.graph(models)
    assert sorted(made) == ["whole", "without_scaling"]


def test_the_folder_goes_with_the_object(keras_model):
    models = SavedModels(keras_model)
    folder = models.whole.parent
    assert folder.is_dir()
    del models
    gc.collect()
    assert not folder.exists()

"""`edgetl convert --from` imports classifiers that were trained elsewhere, and bundles them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from greys import LABELS, LEVELS, SIZE, build_greys
from homes import convert_from, edgetl

from edgetl.bundle import Bundle
from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.files import sha256_of
from edgetl.vision.photo import read_photo

pytest.importorskip("tensorflow")


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
SIBLINGS = ("bare.h5", "logits.keras", "logits_saved", "bytes.tflite")
"""What differs from another one of these by its format alone, or by what it was told alone."""


@pytest.mark.parametrize(
    "file", [pytest.param(file, marks=pytest.mark.slow) if file in SIBLINGS else file for file in MAKES]
)
def test_a_foreign_model_is_stored_and_bundled(elsewhere, made, file):
    how, softmax = MAKES[file]
    done = convert_from(file, "--name", "greys")
    assert done.code == 0, done.err
    printed = " ".join(done.err.split())
    assert how in printed
    assert ("a softmax is added" in printed) == softmax
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


@pytest.mark.parametrize("file", [pytest.param("bare_saved", marks=pytest.mark.slow), "logits.tflite", "logits.h5"])
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


def test_calibration_and_validation_photos_dont_overlap(elsewhere):
    from edgetl.host.networks.stored import dataset_of

    assert convert_from("bare.tflite").code == 0
    card = ModelCard.load(elsewhere.models / "bare" / "card.json")
    data = dataset_of(card)
    assert (card.dataset.train, card.dataset.val) == (30, 30)
    assert not set(data.train.paths) & set(data.val.paths)
    assert [data.labels[c] for c in data.val.classes] == [path.parent.name for path in data.val.paths]


def test_a_keras_file_and_a_saved_model_are_converted_to_int8(elsewhere):
    for file in ("bare.keras", "bare_saved"):
        done = convert_from(file, "--recipe", "static_wi8_ai8", "--name", f"from-{file}")
        assert done.code == 0, done.err
        (variant,) = Bundle.open(elsewhere.models / f"from-{file}" / "loose").runnable
        assert (variant.name, variant.measured.accuracy) == ("static_wi8_ai8", 1.0)


def test_a_model_may_have_more_labels_than_there_are_folders(elsewhere, made, tmp_path):
    (tmp_path / "few").mkdir()
    for label in ("snow", "night"):
        (tmp_path / "few" / label).symlink_to(made / "photos" / label)
    done = convert_from("bare.tflite", "--scale", "-1..1", data=tmp_path / "few")
    assert done.code == 0, done.err
    assert ModelCard.load(elsewhere.models / "bare" / "card.json").labels == LABELS
    assert json.loads(edgetl("eval", "bare", tmp_path / "few", "--json").out)["top1"] == 1.0


def test_the_users_scaling_is_used_and_a_useless_model_gets_a_warning(elsewhere):
    done = convert_from("bare.keras", "--scale", "0..255")
    assert done.code == 5, done.err  # its softmax gives 1 for one class, and 0 for the others, of every photo
    assert "warning: top-1 20.0% is no better than always predicting" in " ".join(done.err.split())
    done = convert_from("logits.keras", "--scale", "0..255")
    assert "warning" not in done.err
    assert ModelCard.load(elsewhere.models / "logits" / "card.json").metrics == {"top1": 1.0}


def test_imagenets_scaling_goes_into_the_graph_channel_by_channel(elsewhere, made):
    from edgetl.host.convert.foreign.find_scaling import SCALINGS
    from edgetl.host.networks.stored import load_network
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
    from edgetl.host.networks.stored import load_network
    from edgetl.store import open_model

    assert convert_from("logits.keras", "--recipe", "float32").code == 0
    network = load_network(open_model("logits"))
    scale = network.get_layer("scale")
    assert (scale.scale, scale.offset) == (pytest.approx(1 / 127.5), -1)
    assert not [layer for layer in network.get_layer("network").layers[1].layers if "rescaling" in layer.name]


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
    from edgetl.host.convert.foreign.open_keras import open_keras

    model = open_keras(data_folder / "weights" / "vww_96.h5")
    assert (model.size, model.classes, model.scaling) == ((96, 96), 2, None)

"""A detector's `.tflite` files have separate raw outputs, known by their names, that equal Keras's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from networks import build_small, resolved_detector

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import ModelError
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.convert.tflite.edit_graph import name_outputs, pack, parse
from edgetl.host.convert.tflite.export import export, operations
from edgetl.host.convert.tflite.metadata import embed
from edgetl.vision.distances import distances

RECIPES = ("float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8")
MIDDLE = RECIPES[1:3]


def interpreter(content):
    from ai_edge_litert.interpreter import Interpreter

    made = Interpreter(model_content=content)
    made.allocate_tensors()
    return made


def outputs(content, pixels):
    """The dequantized outputs of a file, in its order: (N, A, C) and (N, A, 4)."""
    made = interpreter(content)
    (given,), said = made.get_input_details(), made.get_output_details()
    rows = []
    for photo in pixels:
        made.set_tensor(given["index"], photo[None])
        made.invoke()
        rows.append([made.get_tensor(one["index"])[0].astype(np.float32) for one in said])
    steps = [one["quantization"] for one in said]
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    return [(c - zero_point) * (scale or 1) for c, (scale, zero_point) in zip(columns, steps, strict=True)]


@pytest.mark.parametrize(
    ("recipe", "within"),
    [
        ("float32", 1e-4),
        pytest.param("float16", 0.02, marks=pytest.mark.slow),
        pytest.param("dynamic_wi8_afp32", 0.5, marks=pytest.mark.slow),
        ("static_wi8_ai8", 0.8),
    ],
)
def test_each_output_is_keras_output(recipe, within, detector_files, detector_network, detector_data):
    pixels = detector_data.val.batch(slice(None))
    wanted = [np.asarray(output) for output in detector_network.predict_on_batch(pixels)]
    found = outputs(detector_files(recipe).read_bytes(), pixels)
    found, wanted = ([logits, distances(raw, 16)] for logits, raw in (found, wanted))  # distances in strides
    for ours, theirs in zip(found, wanted, strict=True):
        # Far below, where a score is nothing whatever it is, quantization cuts off.
        shown = theirs > -4
        assert np.abs(ours - theirs)[shown].max() < within


@pytest.mark.parametrize(("recipe", "within"), [("float32", 1e-4), ("static_wi8_ai8", 0.5)])
def test_outputs_of_equal_shapes_are_not_exchanged(recipe, within):
    from edgetl.host.train.detector.network import assemble
    from edgetl.host.train.options import TrainOptions

    options = resolved_detector(TrainOptions(data="", name="", size=96, strides=(8,)))
    model = assemble(build_small("", 1, 96, 96), 4 * options.bins, options).model
    pixels = np.random.default_rng(1).integers(0, 256, (4, 96, 96, 3), np.uint8)
    logits, distances = map(np.asarray, model.predict_on_batch(pixels))
    assert logits.shape == distances.shape
    found = outputs(export(SavedModels(model), recipe, pixels), pixels)
    assert np.abs(found[0] - logits).max() < within
    assert np.abs(found[0] - distances).max() > 2


@pytest.mark.parametrize("recipe", [pytest.param(r, marks=pytest.mark.slow) if r in MIDDLE else r for r in RECIPES])
def test_raw_outputs_are_separate_named_and_ordered(recipe, detector_files):
    made = interpreter(detector_files(recipe).read_bytes())
    said = made.get_output_details()
    assert [one["name"] for one in said] == ["logits", "distances"]
    assert [one["shape"].tolist() for one in said] == [[1, 180, 4], [1, 180, 4 * 16]]
    assert made.get_signature_list()["serving_default"]["outputs"] == ["distances", "logits"]  # sorted by the library
    (given,) = made.get_input_details()
    assert (given["dtype"], given["shape"].tolist()) == (np.uint8, [1, 96, 96, 3])
    if recipe == "static_wi8_ai8":
        assert {one["dtype"] for one in said} == {np.uint8}
        assert said[0]["quantization"] != said[1]["quantization"]
        assert given["quantization"] == (pytest.approx(1 / 127.5, rel=1e-3), 127)
    else:
        assert {one["dtype"] for one in said} == {np.float32}


def test_outputs_are_identified_by_the_signature_in_any_order(detector_files):
    """The same file with its outputs in reverse order, as another converter may write them."""
    content = detector_files("float32").read_bytes()
    pixels = np.random.default_rng(2).integers(0, 256, (1, 96, 96, 3), np.uint8)
    parsed = parse(content)
    (signature,) = parsed.signatureDefs
    for k, entry in enumerate(signature.outputs):
        entry.name = f"output_{k}".encode()
    signature.outputs.reverse()
    (graph,) = parsed.subgraphs
    graph.outputs = graph.outputs[::-1]
    for index in graph.outputs:
        graph.tensors[index].name = f"tensor{index}".encode()
    mixed = pack(parsed, len(content))
    before, after = outputs(content, pixels), outputs(name_outputs(mixed, ("logits", "distances")), pixels)
    swapped = outputs(mixed, pixels)
    for k in range(2):
        assert np.array_equal(before[k], after[k])
        assert not np.array_equal(before[k], swapped[k])


def without_signature(parsed):
    parsed.signatureDefs = []


def with_other_names(parsed):
    parsed.signatureDefs[0].outputs[0].name = b"Identity"


@pytest.mark.parametrize("spoil", [without_signature, with_other_names])
def test_outputs_without_a_signature_are_refused(detector_files, spoil):
    parsed = parse(detector_files("float32").read_bytes())
    for k, entry in enumerate(parsed.signatureDefs[0].outputs):
        entry.name = f"output_{k}".encode()
    spoil(parsed)
    with pytest.raises(ModelError, match="doesn't identify its outputs") as caught:
        name_outputs(pack(parsed, 1 << 20), ("logits", "distances"))
    assert caught.value.remedy


@pytest.mark.slow
def test_the_first_operations_can_stay_in_float(detector_network, detector_data):
    photos = detector_data.train.batch(slice(0, 12))
    names = operations(SavedModels(detector_network), photos)
    content = export(SavedModels(detector_network), "static_wi8_ai8", photos, names[:5])
    assert [one["name"] for one in interpreter(content).get_output_details()] == ["logits", "distances"]
    pixels = detector_data.val.batch(slice(0, 4))
    made, wanted = outputs(content, pixels), map(np.asarray, detector_network.predict_on_batch(pixels))
    made, wanted = ([logits, distances(raw, 16)] for logits, raw in (made, wanted))  # distances in strides
    for ours, theirs in zip(made, wanted, strict=True):
        assert np.abs(ours - theirs)[theirs > -4].max() < 0.8


@pytest.mark.parametrize("recipe", [pytest.param("float32", marks=pytest.mark.slow), "static_wi8_ai8"])
def test_a_detector_of_one_level(recipe):
    from edgetl.host.train.detector.network import assemble
    from edgetl.host.train.options import TrainOptions

    options = resolved_detector(TrainOptions(data="", name="", size=96, strides=(8,)))
    model = assemble(build_small("", 1, 96, 96), 3, options).model
    pixels = np.random.default_rng(1).integers(0, 256, (4, 96, 96, 3), np.uint8)
    found = outputs(export(SavedModels(model), recipe, pixels), pixels)
    assert [output.shape for output in found] == [(4, 144, 3), (4, 144, 4 * options.bins)]
    for ours, theirs in zip(found, model.predict_on_batch(pixels), strict=True):
        assert np.abs(ours - theirs).max() < (1e-4 if recipe == "float32" else 0.3)


def test_metadata_describe_the_outputs(detector_files, tmp_path):
    from edgetl.device.inference.tflite_metadata import METADATA_BUFFER, Table, read_files, read_metadata

    card = ModelCard("cards", "detection", tuple("abcd"), InputSpec(96, 96), DetectorDecoding((8, 16)))
    before = detector_files("float32").read_bytes()
    path = tmp_path / "detector.tflite"
    path.write_bytes(embed(before, card))
    assert read_metadata(path).labels_file == "labels.txt"
    files = read_files(path)
    assert files["labels.txt"] == b"a\nb\nc\nd\n"
    assert ModelCard.from_dict(json.loads(files["card.json"]), where="") == card
    parsed = parse(path.read_bytes())
    entry = next(m for m in parsed.metadata if m.name == METADATA_BUFFER.encode())
    root = Table.root("ModelMetadata", parsed.buffers[entry.buffer].data.tobytes())
    (graph,) = root.tables("subgraphs", "SubGraphMetadata")
    tensors = graph.tables("outputs", "TensorMetadata")
    assert [tensor.text("name") for tensor in tensors] == ["logits", "distances"]
    assert [bool(tensor.tables("files", "AssociatedFile")) for tensor in tensors] == [True, False]
    assert "at strides 8, 16 px" in tensors[0].text("description")
    assert "softplus(x) * stride" in tensors[1].text("description")
    assert b"DETECTOR_METADATA" not in path.read_bytes(), "other software would take its outputs for boxes"
    pixels = np.full((1, 96, 96, 3), 90, np.uint8)
    assert all(
        np.array_equal(a, b) for a, b in zip(*(outputs(c, pixels) for c in (before, path.read_bytes())), strict=True)
    )

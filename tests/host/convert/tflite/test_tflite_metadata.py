from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import zipfile

import cv2
import numpy as np
import pytest

from edgetl.card import ClassifierDecoding, InputSpec, ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.inference.tflite_metadata import Metadata, read_files, read_metadata
from edgetl.errors import ModelError
from edgetl.host.convert.tflite.metadata import embed
from edgetl.vision.filter import ResultFilter

CARD = ModelCard(
    name="fruit",
    task="classification",
    labels=("apple", "Birne grün", "3 plums"),
    input=InputSpec(32, 32),
    decoding=ClassifierDecoding(threshold=0.25),
    metrics={"top1": 0.9},
    created="2026-01-02T03:04:05Z",
)


@pytest.fixture
def frame():
    return np.random.default_rng(5).integers(0, 256, (32, 32, 3), np.uint8)


def interpret(model: bytes, pixels: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], pixels[None].astype(details["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def parsed(model: bytes):
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(model)


@pytest.mark.parametrize("kind", ["float32", "float16", "uint8", "int8"])
def test_metadata_dont_change_a_models_outputs(tiny_models, frame, kind):
    before = interpret(tiny_models[kind], frame)
    after = interpret(embed(tiny_models[kind], CARD), frame)
    np.testing.assert_array_equal(after, before)


def test_weights_stay_the_same_and_aligned_to_16_bytes(tiny_models):
    from ai_edge_litert import schema_py_generated as schema

    embedded = embed(tiny_models["float32"], CARD)
    model = schema.Model.GetRootAsModel(embedded, 0)
    vectors = [model.Buffers(i)._tab for i in range(model.BuffersLength()) if model.Buffers(i).DataLength()]
    assert {tab.Vector(tab.Offset(4)) % 16 for tab in vectors} == {0}
    before, after = parsed(tiny_models["float32"]).buffers, parsed(embedded).buffers
    assert len(after) == len(before) + 1
    for one, other in zip(before, after, strict=False):
        assert (one.data is None) == (other.data is None)
        assert one.data is None or np.array_equal(one.data, other.data)


def test_embedding_is_reproducible_and_replaces_earlier_metadata(tiny_models):
    once = embed(tiny_models["uint8"], CARD)
    assert embed(tiny_models["uint8"], CARD) == once
    assert embed(once, CARD) == once
    renamed = dataclasses.replace(CARD, name="vegetables", labels=("a", "b", "c"))
    assert embed(once, renamed) == embed(tiny_models["uint8"], renamed)


def test_other_metadata_entries_stay(tiny_models):
    def entries(model: bytes) -> dict[bytes, bytes]:
        whole = parsed(model)
        return {m.name: whole.buffers[m.buffer].data.tobytes() for m in whole.metadata}

    before, after = entries(tiny_models["float32"]), entries(embed(tiny_models["float32"], CARD))
    assert b"min_runtime_version" in before
    assert after.pop(b"TFLITE_METADATA")[4:8] == b"M001"
    assert after == before


def test_the_files_inside_are_an_uncompressed_zip_with_the_card(tiny_models):
    with zipfile.ZipFile(io.BytesIO(embed(tiny_models["float32"], CARD))) as archive:
        assert [(e.filename, e.compress_type) for e in archive.infolist()] == [("labels.txt", 0), ("card.json", 0)]
        assert archive.read("labels.txt").decode() == "apple\nBirne grün\n3 plums\n"
        assert ModelCard.from_dict(json.loads(archive.read("card.json")), where="card.json") == CARD


def test_a_label_with_a_line_end_is_written_on_one_line(tiny_models):
    card = dataclasses.replace(CARD, labels=("two\nlines", "b", "c"))
    with zipfile.ZipFile(io.BytesIO(embed(tiny_models["float32"], card))) as archive:
        assert archive.read("labels.txt") == b"two lines\nb\nc\n"


def test_the_device_reads_the_metadata_back(tiny_models, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(embed(tiny_models["float32"], CARD))
    assert read_metadata(path) == Metadata(mean=(0.0,), std=(1.0,), labels_file="labels.txt")
    assert list(read_files(path)) == ["labels.txt", "card.json"]
    with Model.open(path) as model:
        assert model.card == CARD


def test_metadata_for_bytes_that_are_not_a_model_are_refused():
    with pytest.raises(ModelError, match=r"not a \.tflite"):
        embed(b"PK\3\4 something else", CARD)


MEDIAPIPE = """
import json, sys
import mediapipe
from mediapipe.tasks.python import BaseOptions, vision
photo = mediapipe.Image.create_from_file(sys.argv[1])
for path in sys.argv[2:]:
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        best = classifier.classify(photo).classifications[0].categories[0]
    print(json.dumps([best.category_name, best.score]))
"""


@pytest.mark.peer
def test_mediapipe_reads_the_metadata_and_agrees(tiny_models, frame, tmp_path):
    python = os.environ.get("EDGETL_MEDIAPIPE_PYTHON")
    if not python:
        pytest.skip("no MediaPipe: set EDGETL_MEDIAPIPE_PYTHON to the Python of an environment that has it")
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), frame)  # of the input's own size: MediaPipe's resize isn't the subject
    tolerances = {"float32": 1e-3, "float16": 1e-3, "uint8": 2 / 256}
    for kind in tolerances:
        (tmp_path / f"{kind}.tflite").write_bytes(embed(tiny_models[kind], CARD))
    files = [str(tmp_path / f"{kind}.tflite") for kind in tolerances]
    done = subprocess.run([python, "-c", MEDIAPIPE, str(photo), *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for (label, score), file, tolerance in zip(answers, files, tolerances.values(), strict=True):
        with Model.open(file, only=ResultFilter(threshold=0.0)) as model:
            ours = model(frame)
        assert (label, score) == (ours.labels[0], pytest.approx(float(ours.score[0]), abs=tolerance))

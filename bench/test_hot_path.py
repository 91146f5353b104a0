"""The hot path, stage by stage; each benchmark checks that what it timed is right."""

import numpy as np
import pytest
from bench_models import CARD
from hot_path import compare

from edgetl import Model
from edgetl.device.runtime import open_runtime
from edgetl.vision.classify import best
from edgetl.vision.preprocess import Preprocessor


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (1080, 1920)], ids=lambda s: f"{s[1]}x{s[0]}")
def test_preprocess(benchmark, size):
    picture = np.full((*size, 3), (10, 20, 30), np.uint8)
    out = np.zeros((224, 224, 3), np.uint8)
    benchmark(Preprocessor(CARD.input), picture, out)
    assert (out == (30, 20, 10)).all()


def test_invoke(benchmark, int8_file):
    runtime = open_runtime("tflite", int8_file, 1)
    runtime.input_view()[:] = 128
    benchmark(runtime.invoke)
    assert int(runtime.output_view(0).sum()) == pytest.approx(256, abs=6)


def test_decode(benchmark):
    scores = np.linspace(0, 1, 1001, dtype=np.float32)
    labels = tuple(f"class {i}" for i in range(1001))
    result = benchmark(best, scores, labels, 1, 0.0)
    assert result.labels == ("class 1000",)


def test_frame_to_result(benchmark, int8_file, frame):
    with Model.open(int8_file, threads=1) as model:
        result = benchmark(model, frame)
        assert result.class_id[0] == model.scores(frame).argmax()


def test_open(benchmark, int8_file):
    def open_and_close() -> str:
        with Model.open(int8_file) as model:
            return model.card.name

    assert benchmark(open_and_close) == "bench"


def test_frame_to_result_costs_little_more_than_invoke(int8_file, frame):
    invoke, total = compare(int8_file, frame, rounds=1000)
    assert total <= 1.15 * invoke + 0.08

"""A detector's outputs to objects: 320 px, cells at strides 8, 16 and 32, six classes; each result is checked."""

import statistics
import time

import numpy as np
import pytest
from bench_models import DETECTOR
from hot_path import compare, finding

from edgetl import Model
from edgetl.vision.detect import Decoder
from edgetl.vision.nms import suppress
from edgetl.vision.preprocess import Preprocessor
from edgetl.vision.quantized import Quantization

CARD, BINS = DETECTOR, DETECTOR.detector.bins
LOGITS, LTRB = Quantization("int8", 0.0625, 20), Quantization("int8", 0.08, 64)
OBJECTS = 10
SIZE = (640, 480)


def outputs(cells_each: int) -> tuple[np.ndarray, np.ndarray]:
    """Real (2100, 6) and (2100, 4 * BINS) of ten objects in a row, 120 x 60 px, which a few cells of stride 8 see."""
    rng = np.random.default_rng(0)
    logits = rng.normal(-5, 0.5, (2100, 6))
    ltrb = np.full((2100, 4), 1.0)
    for thing in range(OBJECTS):
        for cell in range(cells_each):
            x, y = 4 * thing + cell % 4, 18 + cell // 4
            row = y * 40 + x
            logits[row, thing % 6] = rng.uniform(0, 3)
            # All cells of an object see the same box, 4 x 8 cells.
            ltrb[row] = [cell % 4 + 0.5, cell // 4 + 0.5, 3.5 - cell % 4, 7.5 - cell // 4]
    shares = np.maximum(1 - np.abs(ltrb[..., None] - np.arange(BINS)), 1e-4)
    return logits, np.log(shares).reshape(2100, 4 * BINS)


def quantized(real: np.ndarray, how: Quantization) -> np.ndarray:
    return np.clip(np.round(real / how.scale) + how.zero_point, -128, 127).astype(np.int8)


@pytest.mark.parametrize("cells_each", [1, 3, 30], ids=lambda n: f"{OBJECTS * n}-candidates")
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_decode(benchmark, dtype, cells_each):
    logits, ltrb = outputs(cells_each)
    if dtype == "int8":
        decoder, raw = Decoder(CARD, LOGITS, LTRB), (quantized(logits, LOGITS), quantized(ltrb, LTRB))
    else:
        decoder, raw = Decoder(CARD), (logits.astype(np.float32), ltrb.astype(np.float32))
    result = benchmark(decoder, *raw, SIZE)
    assert sorted(result.class_id.tolist()) == sorted(thing % 6 for thing in range(OBJECTS))
    assert sorted(result.xyxy[:, 0].tolist()) == pytest.approx([64 * thing for thing in range(OBJECTS)], abs=6)


def test_300_candidates_take_at_most_half_a_millisecond_more_than_10():
    decoder = Decoder(CARD, LOGITS, LTRB)
    few, many = ([quantized(*pair) for pair in zip(outputs(n), (LOGITS, LTRB), strict=True)] for n in (1, 30))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(300):
        for raw, taken in zip((few, many), times, strict=True):
            start = time.perf_counter()
            assert len(decoder(*raw, SIZE)) == OBJECTS
            taken.append(1e3 * (time.perf_counter() - start))
    assert statistics.median(times[1]) - statistics.median(times[0]) <= 0.5


def test_frame_to_boxes_costs_little_more_than_invoke(int8_detector, patches):
    with Model.open(int8_detector, threads=1) as model:
        only = finding(model, patches, OBJECTS)
    invoke, total = compare(int8_detector, patches, 500, only)
    assert total <= 1.35 * invoke


def test_decode_of_nothing(benchmark):
    logits, ltrb = outputs(0)
    assert len(benchmark(Decoder(CARD, LOGITS, LTRB), quantized(logits, LOGITS), quantized(ltrb, LTRB), SIZE)) == 0


def test_suppress_where_nothing_overlaps(benchmark):
    """The dearest case: each of the 300 boxes is held against all better ones."""
    left, top = np.arange(300) % 20 * 32.0, np.arange(300) // 20 * 32.0
    boxes = np.stack((left, top, left + 30, top + 30), axis=1).astype(np.float32)
    score = np.linspace(0.9, 0.3, 300, dtype=np.float32)
    keep = benchmark(suppress, boxes, score, np.zeros(300, np.int64), 0.5)
    assert keep.tolist() == list(range(300))


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (1080, 1920)], ids=lambda s: f"{s[1]}x{s[0]}")
def test_preprocess_letterbox(benchmark, size):
    picture = np.full((*size, 3), (10, 20, 30), np.uint8)
    out = np.zeros((320, 320, 3), np.uint8)
    benchmark(Preprocessor(CARD.input), picture, out)
    assert (out[160] == (30, 20, 10)).all()
    assert (out[0] == 114).all()

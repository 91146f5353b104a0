from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import ModelError
from edgetl.vision import detect
from edgetl.vision.detect import Decoder
from edgetl.vision.detect_postprocessed import PostprocessedDecoder
from edgetl.vision.letterbox import place
from edgetl.vision.nms import suppress
from edgetl.vision.quantized import Quantization

SIZE = (200, 150)
LOGITS = {
    "float32": Quantization(),
    "int8": Quantization("int8", 0.0625, 37),
    "uint8": Quantization("uint8", 0.0625, 190),
}
LTRB = {"float32": Quantization(), "int8": Quantization("int8", 0.05, -20), "uint8": Quantization("uint8", 0.05, 100)}


def card(classes=3, size=(64, 96), resize="letterbox", strides=(8, 16, 32), **decoding):
    labels = tuple(f"thing {i}" for i in range(classes))
    return ModelCard("d", "detection", labels, InputSpec(*size, resize=resize), DetectorDecoding(strides, **decoding))


def quantize(real, q):
    if q.dtype == "float32":
        return real.astype(np.float32)
    info = np.iinfo(q.dtype)
    return np.clip(np.round(real / q.scale) + q.zero_point, info.min, info.max).astype(q.dtype)


def dequantize(raw, q):
    return raw.astype(float) if q.dtype == "float32" else (raw.astype(float) - q.zero_point) * q.scale


def cells(card):
    for stride in card.detector.strides:
        for y in range(math.ceil(card.input.height / stride)):
            for x in range(math.ceil(card.input.width / stride)):
                yield (x + 0.5) * stride, (y + 0.5) * stride, stride


def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slowly_suppressed(found, iou, agnostic):
    remaining = []
    for score, class_id, box in sorted(found, key=lambda thing: -thing[0]):
        rivals = [other for _, i, other in remaining if agnostic or i == class_id]
        if all(overlap(box, other) <= iou for other in rivals):
            remaining.append((score, class_id, box))
    return remaining


def slowly_voted(box, found, decoding, agnostic):
    score, class_id, own = box
    weights, edges = [], []
    for other_score, other_class, other in found:
        iou = overlap(own, other) if agnostic or other_class == class_id else 0.0
        if iou >= decoding.vote_iou and other_score >= 0.5 * score:
            weights.append(other_score * iou)
            edges.append(other)
    return score, class_id, tuple(np.average(edges, axis=0, weights=weights))


def slowly_distance(values):
    if len(values) == 1:
        return math.log1p(math.exp(values[0]))
    shares = [math.exp(value) for value in values]
    return sum(bin * share for bin, share in enumerate(shares)) / sum(shares)


def slowly(card, logits, ltrb, classes=None, agnostic=False, candidates=1000):
    """The same as `Decoder`, one number after the other: (score, class, box), best first."""
    decoding, (width, height) = card.detector, SIZE
    thresholds = decoding.thresholds * (len(card.labels) if len(decoding.thresholds) == 1 else 1)
    placement = place(height, width, card.input)
    passing = []
    for (x, y, stride), row, raw in zip(cells(card), logits.tolist(), ltrb.tolist(), strict=True):
        scores = [1 / (1 + math.exp(-logit)) for logit in row]
        reached = [i for i, score in enumerate(scores) if score >= thresholds[i] and (classes is None or i in classes)]
        if not reached:
            continue
        score, class_id = max((scores[i], -i) for i in reached)
        class_id = -class_id
        left, top, right, bottom = (slowly_distance(part) * stride for part in np.split(np.array(raw), 4))
        passing.append((score, class_id, (x - left, y - top, x + right, y + bottom)))
    passing = sorted(passing, key=lambda thing: -thing[0])[:candidates]
    found = []
    for score, class_id, box in passing:
        x1, x2 = (min(max((x - placement.left) / placement.scale_x, 0), width) for x in box[::2])
        y1, y2 = (min(max((y - placement.top) / placement.scale_y, 0), height) for y in box[1::2])
        if x1 < x2 and y1 < y2:
            found.append((score, class_id, (x1, y1, x2, y2)))
    shown = slowly_suppressed(found, decoding.iou, agnostic)[: decoding.max_det]
    return [slowly_voted(box, found, decoding, agnostic) for box in shown] if decoding.vote_iou < 1 else shown


def check(result, expected, card):
    assert result.class_id.tolist() == [class_id for _, class_id, _ in expected]
    assert result.score == pytest.approx([score for score, _, _ in expected], abs=1e-5)
    assert result.xyxy == pytest.approx(np.array([box for *_, box in expected]).reshape(-1, 4), abs=0.01)
    assert result.labels == tuple(card.labels[i] for i in result.class_id)
    assert result.size_wh == SIZE
    assert (result.xyxy.dtype, result.score.dtype, result.class_id.dtype) == (np.float32, np.float32, np.int64)
    assert len(result) == len(expected)


def scene(card, kind, seed, mean=-2.0):
    """Raw outputs with many equal scores: logits are multiples of 1/16."""
    rng = np.random.default_rng(seed)
    count = sum(1 for _ in cells(card))
    logits = np.clip(np.round(rng.normal(mean, 2, (count, len(card.labels))) * 16), -128, 127) / 16
    return quantize(logits, LOGITS[kind]), quantize(rng.normal(0.5, 1.2, (count, 4 * card.detector.bins)), LTRB[kind])


def both(card, raw, kind, **options):
    """Returns the result of `Decoder` and that of the simple implementation."""
    decoder = Decoder(card, LOGITS[kind], LTRB[kind], **options)
    real = dequantize(raw[0], LOGITS[kind]), dequantize(raw[1], LTRB[kind])
    return decoder(*raw, SIZE), slowly(card, *real, **options)


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize("classes", [1, 2, 3, 40])
@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
def test_the_decoder_equals_a_simple_implementation(kind, classes, resize):
    rng = np.random.default_rng(classes)
    for seed in range(4):
        thresholds = tuple(rng.uniform(0.05, 0.9, classes if seed % 2 else 1).tolist())
        size = ((64, 96), (50, 70))[seed // 2]
        strides, vote_iou, bins = (((8, 16, 32), 0.5, 3), ((16, 32), 1.0, 1))[seed // 2]
        model = card(classes, size, resize, strides, thresholds=thresholds, iou=0.4, vote_iou=vote_iou, bins=bins)
        result, expected = both(model, scene(model, kind, seed), kind)
        check(result, expected, model)
        assert len(result) > 1


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize("options", [{"agnostic": True}, {"classes": [0, 2]}, {"classes": {1}, "agnostic": True}])
def test_the_decoder_with_options_equals_a_simple_implementation(kind, options):
    model = card(thresholds=(0.1, 0.5, 0.3), max_det=7, vote_iou=0.6)
    result, expected = both(model, scene(model, kind, 1, mean=0.0), kind, **options)
    check(result, expected, model)
    assert set(result.class_id.tolist()) <= set(options.get("classes", range(3)))
    assert len(result) == 7


@pytest.mark.parametrize("kind", LOGITS)
def test_only_the_best_candidates_go_into_suppression(kind, monkeypatch):
    monkeypatch.setattr(detect, "CANDIDATES", 20)
    model = card(thresholds=(0.0,), iou=1.0)
    raw = scene(model, kind, 3)
    real = dequantize(raw[0], LOGITS[kind]), dequantize(raw[1], LTRB[kind])
    expected = slowly(model, *real, candidates=20)
    check(Decoder(model, LOGITS[kind], LTRB[kind])(*raw, SIZE), expected, model)
    assert 10 < len(expected) <= 20


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize("options", [{"classes": []}, {"classes": [7]}])
def test_an_empty_set_of_classes_finds_nothing(kind, options):
    model = card(thresholds=(0.0,))
    result, expected = both(model, scene(model, kind, 4), kind, **options)
    check(result, expected, model)
    assert len(result) == 0
    assert result.xyxy.shape == (0, 4)


@pytest.mark.parametrize("kind", LOGITS)
def test_outputs_below_the_threshold_find_nothing(kind):
    model = card(thresholds=(0.9,))
    logits, ltrb = scene(model, kind, 5)
    result, expected = both(model, (np.full_like(logits, logits.min()), ltrb), kind)
    check(result, expected, model)
    assert len(result) == 0


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_a_quantized_number_passes_exactly_if_its_score_does(kind):
    """Every number, with the threshold at, just above and just below its score."""
    model = card(1, (8, 256 * 8), strides=(8,))
    numbers = np.arange(256, dtype=np.uint8).view(kind)[:, None]
    scores = 1 / (1 + np.exp(-dequantize(numbers, LOGITS[kind])))
    for score in (0.0, 1.0, *np.unique(scores)[::5]):
        for step in (-1e-6, 0, 1e-6):
            threshold = float(np.float32(min(max(score + step, 0), 1)))
            decoding = dataclasses.replace(model.detector, thresholds=(threshold,))
            decoder = Decoder(dataclasses.replace(model, decoding=decoding), LOGITS[kind], LTRB[kind])
            passing = int((scores >= threshold + 1e-7).sum()), int((scores >= threshold - 1e-7).sum())
            assert passing[0] <= len(decoder._candidates(numbers)[0]) <= passing[1]


@pytest.mark.parametrize("threshold", [0.0, 1e-35, 1e-20, 1e-6, 0.5, 1 - 1e-6, 1.0])
def test_no_score_is_lost_by_the_threshold_in_logits(threshold):
    model = card(1, (8, 2001 * 8), strides=(8,), thresholds=(threshold,))
    logits = np.linspace(-100, 100, 2001, dtype=np.float32)[:, None]
    decoder = Decoder(model)
    rows, _, score = decoder._candidates(logits)
    all_scores = decoder._score(logits[:, 0])
    assert len(rows) == min(detect.CANDIDATES, (all_scores >= np.float32(threshold)).sum())
    assert (score >= np.float32(threshold)).all()


def test_a_threshold_that_equals_a_cells_score_lets_the_cell_pass():
    for logit in np.random.default_rng(9).uniform(-18, 18, (200, 1)).astype(np.float32):
        score = Decoder(card(1, (8, 8), strides=(8,)))._score(logit)
        decoder = Decoder(card(1, (8, 8), strides=(8,), thresholds=(float(score[0]),)))
        assert len(decoder(logit[None], np.zeros((1, 4), np.float32), SIZE)) == 1


def test_extreme_outputs_give_neither_nan_nor_warnings(recwarn):
    model = card(2, thresholds=(0.0,))
    count = sum(1 for _ in cells(model))
    rng = np.random.default_rng(0)
    extremes = np.array([-3e38, -1e4, -100, -1, 0, 1, 100, 1e4, 3e38], np.float32)
    logits, ltrb = rng.choice(extremes, (count, 2)), rng.choice(extremes, (count, 4))
    result = Decoder(model)(logits, ltrb, SIZE)
    assert len(result) > 0
    assert np.isfinite(result.xyxy).all()
    assert ((result.score >= 0) & (result.score <= 1)).all()
    assert (np.diff(result.score) <= 0).all()
    assert (result.xyxy[:, 2:] > result.xyxy[:, :2]).all()
    assert (result.xyxy >= 0).all()
    assert (result.xyxy <= SIZE * 2).all()
    assert not recwarn.list


def test_boxes_without_area_in_the_frame_are_left_out():
    model = card(1, (64, 64), strides=(32,))
    logits = np.full((4, 1), 3, np.float32)
    ltrb = np.zeros((4, 4), np.float32)
    ltrb[0], ltrb[2] = -200, (-200, 1, -200, 1)  # of no area; of no width
    assert len(Decoder(model)(logits, ltrb, SIZE)) == 2
    ltrb[:] = -5  # small ones around the cells' centres, in rows 16 and 48: in the grey around a frame this flat
    assert len(Decoder(model)(logits, ltrb, (640, 10))) == 0


def test_frames_of_another_size_and_batch_axes_are_decoded():
    model = card(thresholds=(0.3,))
    logits, ltrb = scene(model, "float32", 6)
    decoder = Decoder(model)
    first = decoder(logits, ltrb, SIZE)
    double = decoder(logits[None], ltrb[None], (SIZE[0] * 2, SIZE[1] * 2))
    again = decoder(logits, ltrb, SIZE)
    assert double.xyxy == pytest.approx(first.xyxy * 2, abs=0.01)
    assert (again.xyxy == first.xyxy).all()


def test_the_result_shares_no_memory_with_the_outputs():
    model = card(thresholds=(0.1,), classes=1)
    logits, ltrb = scene(model, "int8", 7)
    decoder = Decoder(model, LOGITS["int8"], LTRB["int8"])
    result = decoder(logits, ltrb, SIZE)
    before = result.xyxy.copy(), result.score.copy()
    logits[:], ltrb[:] = 127, 127
    decoder(logits, ltrb, SIZE)
    assert (result.xyxy == before[0]).all()
    assert (result.score == before[1]).all()


def test_outputs_of_another_shape_or_type_are_refused():
    model = card()
    logits, ltrb = scene(model, "float32", 8)
    decoder = Decoder(model)
    for wrong in ((logits[1:], ltrb), (logits, ltrb[1:]), (logits[:, 1:], ltrb), (logits.astype(np.int8), ltrb)):
        with pytest.raises(ValueError, match=r"the outputs are \(126, 3\) float32 and \(126, 4\) float32, got"):
            decoder(*wrong, SIZE)
    with pytest.raises(ModelError, match="is int16"):
        Decoder(model, Quantization("int16", 0.1, 0))
    with pytest.raises(ModelError, match="a detector is needed here"):
        Decoder(ModelCard("c", "classification", ("a",), InputSpec(8, 8)))


@pytest.mark.parametrize("agnostic", [False, True])
@pytest.mark.parametrize("classes", [1, 3, 90])
def test_suppression_equals_a_simple_implementation(classes, agnostic):
    rng = np.random.default_rng(classes)
    for count, iou in ((0, 0.5), (1, 0.5), (2, 0.0), (60, 0.3), (300, 0.5), (300, 0.7), (80, 1.0)):
        centres, sides = rng.uniform(40, 600, (count, 2)), rng.uniform(5, 80, (count, 2))
        centres = centres[rng.integers(0, max(1, count // 8), count)] + rng.normal(0, 8, (count, 2))
        boxes = np.maximum(np.concatenate((centres - sides / 2, centres + sides / 2), axis=1), 0).astype(np.float32)
        boxes[count // 2 :] = boxes[: count - count // 2]  # the very same boxes, too
        score = (rng.integers(1, 50, count) / 50).astype(np.float32)
        ids = rng.integers(0, classes, count)
        keep = suppress(boxes, score, None if agnostic else ids, iou)
        found = list(zip(score.tolist(), ids.tolist(), boxes.tolist(), strict=True))
        assert [found[i] for i in keep] == slowly_suppressed(found, iou, agnostic)


def postprocessed(rows, more=2):
    """The four outputs of TFLite_Detection_PostProcess: (ymin, xmin, ymax, xmax), class, score; then stale rows."""
    rows = [*rows, *[((0.0, 0.0, 1.0, 1.0), 0, 0.99)] * more]
    boxes, classes, scores = (np.array([[row[i] for row in rows]], np.float32) for i in range(3))
    return boxes.reshape(1, -1, 4), classes, scores, np.array([len(rows) - more], np.float32)


def test_the_outputs_of_ssd_files_are_decoded():
    model = card(3, (300, 300), "stretch", thresholds=(0.5, 0.2, 0.5))
    rows = [
        ((0.1, 0.2, 0.5, 0.6), 0, 0.6),
        ((-0.1, 0.5, 0.5, 1.2), 1, 0.9),
        ((0.1, 0.2, 0.5, 0.6), 2, 0.4),  # below its threshold
        ((0.1, 0.2, 0.5, 0.6), 1, 0.3),
        ((0.1, 0.2, 0.5, 0.6), 3, 0.9),  # no such label
        ((0.1, 0.2, 0.1, 0.6), 1, 0.9),  # no area
    ]
    result = PostprocessedDecoder(model)(*postprocessed(rows), SIZE)
    assert result.class_id.tolist() == [1, 0, 1]
    assert result.labels == ("thing 1", "thing 0", "thing 1")
    assert result.score == pytest.approx([0.9, 0.6, 0.3])
    assert result.xyxy == pytest.approx(np.array([[100, 0, 200, 75], [40, 15, 120, 75], [40, 15, 120, 75]]), abs=1e-3)
    assert PostprocessedDecoder(model, classes=[0])(*postprocessed(rows), SIZE).labels == ("thing 0",)
    assert len(PostprocessedDecoder(model)(*postprocessed([]), SIZE)) == 0


def test_the_outputs_of_letterboxed_ssd_files_are_decoded():
    model = card(1, (200, 200), "letterbox")
    result = PostprocessedDecoder(model)(*postprocessed([((0.125, 0.0, 0.875, 1.0), 0, 0.9)]), SIZE)
    assert result.xyxy[0].tolist() == pytest.approx([0, 0, 200, 150])


def test_a_class_below_its_threshold_hides_no_other():
    two = card(classes=2, thresholds=(0.5, 0.3), strides=(32,))
    logits = np.full((6, 2), -9, np.float32)
    logits[0] = np.log(0.45 / 0.55), np.log(0.4 / 0.6)
    ltrb = np.zeros((6, 4), np.float32)
    assert Decoder(two)(logits, ltrb, SIZE).class_id.tolist() == [1]
    logits[0, 0] = 3
    assert Decoder(two)(logits, ltrb, SIZE).class_id.tolist() == [0]
    assert Decoder(two, classes=[1])(logits, ltrb, SIZE).class_id.tolist() == [1], "as requested"


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("thresholds", [(0.5,), (0.3, 0.7, 0.5)])
def test_slack_adds_weaker_objects_and_leaves_the_others_as_they_are(kind, thresholds):
    ours = card(thresholds=thresholds, iou=0.5, vote_iou=0.6, max_det=1000)
    count = len(list(cells(ours)))
    least = np.broadcast_to(np.array(thresholds, np.float32), 3)
    added = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        logits = quantize(rng.normal(-1.5, 1.5, (count, 3)), LOGITS[kind])
        ltrb = quantize(rng.normal(0, 1, (count, 4)), LTRB[kind])
        plain = Decoder(ours, LOGITS[kind], LTRB[kind])(logits, ltrb, SIZE)
        slack = Decoder(ours, LOGITS[kind], LTRB[kind], slack=0.5)(logits, ltrb, SIZE)
        sure = slack.take(np.flatnonzero(slack.score >= least[slack.class_id]))
        assert sure.xyxy == pytest.approx(plain.xyxy, abs=1e-3), "sums of other zeros round otherwise"
        assert (sure.class_id == plain.class_id).all()
        assert (slack.score >= least[slack.class_id] * np.float32(0.5)).all()
        added += len(slack) - len(plain)
    assert added > 50


def test_slack_adds_weaker_objects_to_finished_boxes():
    ours = card(thresholds=(0.4, 0.8, 0.6), kind="postprocessed")
    outputs = (
        np.tile(np.array((0.1, 0.1, 0.5, 0.5), np.float32), (4, 1)), np.array([0, 1, 2, 0], np.float32),
        np.array([0.5, 0.5, 0.29, 0.19], np.float32), np.array([4], np.float32),
    )  # fmt: skip
    assert PostprocessedDecoder(ours)(*outputs, SIZE).class_id.tolist() == [0]
    assert PostprocessedDecoder(ours, slack=0.5)(*outputs, SIZE).class_id.tolist() == [0, 1]

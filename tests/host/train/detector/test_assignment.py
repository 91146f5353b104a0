"""The assignment of boxes to cells, and the loss that follows from it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from edgetl.host.train.detector.assignment import assign
from edgetl.host.train.detector.box_ops import complete_iou, decode, iou_matrix
from edgetl.host.train.detector.loss import DetectionLoss
from edgetl.vision.detect import grid
from edgetl.vision.match_boxes import iou

SIDE, STRIDES, CLASSES, BINS = 96, (8, 16, 32), 3, 16
CELLS, SIZES = grid(SIDE, SIDE, STRIDES)
NOTHING = [-1, 0, 0, 0, 0]


def raw(boxes):
    """The raw distances that decode to one box everywhere it is possible, (A, 4 * BINS)."""
    reach = np.concatenate([CELLS - boxes[:2], boxes[2:] - CELLS], axis=1) / SIZES[:, None]
    share = np.maximum(1 - np.abs(reach.clip(0, BINS - 1)[..., None] - np.arange(BINS)), 1e-9)
    return np.log(share).astype(np.float32).reshape(len(CELLS), 4 * BINS)


def decoded(distances):
    return ops.convert_to_numpy(decode(distances.reshape(1, -1, 4, BINS), CELLS, SIZES))[0]


def assigned(truth, boxes=None, probabilities=None):
    truth = np.asarray(truth, np.float32)[None]
    boxes = np.tile(np.concatenate([CELLS - SIZES[:, None], CELLS + SIZES[:, None]], 1), 1) if boxes is None else boxes
    probabilities = np.full((len(CELLS), CLASSES), 0.01) if probabilities is None else probabilities
    tensors = [np.asarray(a, np.float32) for a in (probabilities[None], boxes[None], CELLS, SIZES, truth)]
    found = assign(*tensors)
    return [ops.convert_to_numpy(part)[0] for part in (found.scores, found.boxes, found.weight)]


def test_cells_are_listed_level_by_level_row_by_row():
    assert len(CELLS) == 12 * 12 + 6 * 6 + 3 * 3
    assert CELLS[0].tolist() == [4, 4]
    assert CELLS[1].tolist() == [12, 4]
    assert CELLS[144].tolist() == [8, 8]
    assert CELLS[-1].tolist() == [80, 80]
    assert SIZES[[0, 144, -1]].tolist() == [8, 16, 32]
    odd, _ = grid(100, 90, (32,))
    assert len(odd) == 4 * 3


def test_distances_decode_to_the_box():
    box = np.array([10, 20, 70, 60], np.float32)
    inside = (box[:2] + 0.1 < CELLS).all(1) & (box[2:] - 0.1 > CELLS).all(1)
    found = decoded(raw(box))
    np.testing.assert_allclose(found[inside], np.tile(box, (inside.sum(), 1)), atol=1e-2)


def test_the_iou_of_the_loss_is_that_of_the_metrics():
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.uniform(0, 90, (n, 2, 2)), axis=1).reshape(n, 4).astype(np.float32) for n in (7, 9))
    found = ops.convert_to_numpy(iou_matrix(a[None], b[None]))[0]
    np.testing.assert_allclose(found, iou(a, b), atol=1e-5)
    itself = ops.convert_to_numpy(complete_iou(a, a))
    np.testing.assert_allclose(itself, 1, atol=1e-4)
    far, flat = (np.array([[9, 0, 10, 1.0]]), np.array([[0, 0, 1, 0.5]]))
    square = np.array([[0, 0, 1, 1.0]])
    np.testing.assert_allclose(ops.convert_to_numpy(complete_iou(square, far)), -(9**2) / (10**2 + 1), atol=1e-4)
    shape = 4 / np.pi**2 * (np.arctan(2) - np.arctan(1)) ** 2
    expected = 0.5 - 0.25**2 / 2 - shape * shape / (0.5 + shape)
    np.testing.assert_allclose(ops.convert_to_numpy(complete_iou(square, flat)), expected, atol=1e-4)


def test_a_box_gets_cells_inside_it_with_its_class_and_corners():
    scores, boxes, weight = assigned([[2, 20, 20, 60, 60], NOTHING])
    mine = weight > 0
    assert 1 <= mine.sum() <= 10
    assert ((CELLS[mine] > 20) & (CELLS[mine] < 60)).all()
    np.testing.assert_allclose(boxes[mine], np.tile([20, 20, 60, 60], (mine.sum(), 1)))
    assert (scores[:, :2] == 0).all()
    np.testing.assert_allclose(scores[:, 2], weight)


def test_the_target_of_the_best_cell_is_its_own_iou():
    box = np.array([20, 20, 60, 60], np.float32)
    _, _, weight = assigned([[1, *box]], decoded(raw(box)))
    assert weight.max() == pytest.approx(1, abs=1e-2)


def test_a_box_gets_cells_of_levels_that_see_all_its_edges():
    for side, finest in ((60, 8), (65, 16)):  # 64 px are eight times 8 px
        box = np.array([15, 15, 15 + side, 15 + side], np.float32)
        _, _, weight = assigned([[0, *box]], decoded(raw(box)))
        assert min(SIZES[weight > 0]) == finest


@pytest.mark.parametrize("box", [[40, 40, 43, 43], [0, 0, 3, 90], [95, 95, 96, 96]])
def test_a_box_without_a_cell_centre_gets_the_cell_around_it(box):
    _, _, weight = assigned([[0, *box]])
    assert (weight > 0).any()


def test_a_cell_is_assigned_to_one_box_only():
    scores, boxes, weight = assigned([[0, 10, 10, 80, 80], [1, 12, 12, 78, 78], [2, 15, 15, 50, 50]])
    assert ((scores > 0).sum(axis=1) <= 1).all()
    mine = boxes[weight > 0]
    assert {tuple(row) for row in mine.round().tolist()} <= {(10, 10, 80, 80), (12, 12, 78, 78), (15, 15, 50, 50)}


def test_without_boxes_every_cell_is_background():
    scores, _, weight = assigned([NOTHING, NOTHING])
    assert not scores.any()
    assert not weight.any()


def test_the_loss_of_perfect_predictions_is_nearly_zero():
    box = np.array([20, 20, 60, 60], np.float32)
    truth = np.array([[[1, *box], NOTHING]], np.float32)
    loss = DetectionLoss(CELLS, SIZES, BINS)
    distances = raw(box)

    def of(logits, moved):
        return float(loss(truth, np.concatenate([logits, moved], axis=1)[None].astype(np.float32)))

    background = np.full((len(CELLS), CLASSES), -12.0)
    right = background.copy()
    weight = assigned(truth[0], decoded(distances), 1 / (1 + np.exp(-right)))[2]
    right[:, 1] = np.where(weight > 0, np.log(np.maximum(weight, 1e-6) / np.maximum(1 - weight, 1e-6)), -12)
    good, unseen, wrong = of(right, distances), of(background, distances), of(np.roll(right, 1, axis=1), distances)
    assert good < 1.0 < unseen
    assert wrong > unseen
    assert of(right, np.roll(distances, 1, axis=1)) > good + 0.2


def test_a_batch_without_any_box_has_a_finite_loss_and_gradient_of_scores():
    truth = np.full((2, 3, 5), -1, np.float32)
    predicted = np.zeros((2, len(CELLS), CLASSES + 4 * BINS), np.float32)
    value = float(DetectionLoss(CELLS, SIZES, BINS)(truth, predicted))
    assert np.isfinite(value)
    assert value == pytest.approx(2 * len(CELLS) * CLASSES * np.log(2), rel=1e-4)
    assert keras.backend.backend()


@pytest.mark.parametrize("side", [40, 100, 280])
def test_a_box_of_any_size_is_learned_from_random_weights(side):
    """At the start every cell predicts a box of fifteen strides, which overlaps little with smaller and larger ones."""
    cells, strides = grid(320, 320, STRIDES)
    low, high = 160 - side / 2, 160 + side / 2
    truth = np.array([[[1, low, low, high, high]]], np.float32)
    boxes = decode(np.zeros((1, len(cells), 4, BINS), np.float32), cells, strides)
    found = assign(np.full((1, len(cells), CLASSES), 0.01, np.float32), boxes, cells, strides, truth)
    weight = ops.convert_to_numpy(found.weight)[0]
    assert 0.1 <= weight.max() <= 1
    assert ops.convert_to_numpy(found.scores)[0, weight.argmax()].tolist() == [0, weight.max(), 0]
    assert ((cells > low) & (cells < high))[weight > 0].all()

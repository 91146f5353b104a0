from __future__ import annotations

import numpy as np
import pytest

from edgetl.vision.match_boxes import iou, pair


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def test_overlap_of_boxes_counted_by_hand():
    a = boxes((0, 0, 10, 10))
    b = boxes((0, 0, 10, 10), (5, 0, 15, 10), (10, 0, 20, 10), (2, 2, 8, 8), (3, 3, 3, 9))
    assert iou(a, b)[0].tolist() == pytest.approx([1, 50 / 150, 0, 0.36, 0])
    assert iou(boxes(), b).shape == (0, 5)


def test_pairs_are_one_to_one_of_one_class_and_the_first_chooses_first():
    a = boxes((0, 0, 100, 100), (1, 0, 101, 100), (200, 0, 300, 100))
    b = boxes((200, 0, 300, 100), (1, 0, 101, 100), (0, 0, 100, 100))
    assert pair(a, np.array([0, 0, 0]), b, np.array([0, 0, 0])).tolist() == [2, 1, 0]
    assert pair(a, np.array([0, 0, 0]), b, np.array([1, 0, 1])).tolist() == [1, -1, -1]
    assert pair(a[:2], np.array([0, 0]), b[2:], np.array([0])).tolist() == [0, -1]
    assert pair(a, np.zeros(3), boxes(), np.zeros(0)).tolist() == [-1] * 3
    assert pair(boxes(), np.zeros(0), b, np.zeros(3)).tolist() == []


def test_a_pair_needs_its_overlap_and_what_is_no_number_has_none():
    a, zero = boxes((0, 0, 100, 100)), np.zeros(1)
    assert pair(a, zero, boxes((0, 0, 100, 90)), zero).tolist() == [0]
    assert pair(a, zero, boxes((0, 0, 100, 89)), zero).tolist() == [-1]
    assert pair(a, zero, boxes((0, 0, 100, 89)), zero, 0.8).tolist() == [0]
    assert pair(a, zero, boxes((0, 0, 100, np.nan)), zero).tolist() == [-1]

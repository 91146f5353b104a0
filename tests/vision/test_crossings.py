from __future__ import annotations

import numpy as np
import pytest

from edgetl.vision.crossings import LineCount, ZoneWatch, contains, distance
from edgetl.vision.results import Detections
from edgetl.vision.zones import Line, Zone

SIZE = (640, 480)
SQUARE = Zone.parse("door=0.25,0.25,0.75,0.25,0.75,0.75,0.25,0.75")
MIDDLE = Line.parse("belt=0.5,0.25,0.5,0.75")


def at(*centres, tracks=None, labels=None, size=SIZE):
    """Objects of 40 px around centres in shares of the picture."""
    middle = np.array(centres, np.float32).reshape(-1, 2) * size
    count = len(middle)
    labels = labels or ("bolt",) * count
    columns = np.concatenate((middle - 20, middle + 20), axis=1), np.full(count, 0.9, np.float32)
    return Detections(*columns, np.zeros(count, int), labels, size, np.array(tracks or range(1, count + 1), np.int64))


def walk(watch, *places, tracked=None):
    """The events of object 1 on its way; None where it isn't seen."""
    return [
        watch(at(*([place] if place else [])), {1} if tracked is None else tracked[i]) for i, place in enumerate(places)
    ]


def test_points_in_polygons():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 3, (500, 2))
    square = np.array([(0, 0), (2, 0), (2, 2), (0, 2)], float)
    assert (contains(square, points) == ((points > 0) & (points < 2)).all(axis=1)).all()
    ring = np.array([(0, 0), (2, 0), (2, 2), (1, 0.5), (0, 2)], float)  # a notch down to (1, 0.5)
    assert contains(ring, np.array([(1, 0.25), (1, 1.0), (0.2, 1.0), (1.8, 1.0)])).tolist() == [True, False, True, True]
    triangle = np.array([(0.0, 0.0), (4.0, 0.0), (0.0, 4.0)])
    assert contains(triangle, np.array([(1.0, 1.0), (3.0, 3.0)])).tolist() == [True, False]
    assert contains(square, np.zeros((0, 2))).tolist() == []


def test_distance_from_edges():
    starts, ends = np.array([(0.0, 0.0), (0.0, 10.0)]), np.array([(4.0, 0.0), (4.0, 10.0)])
    points = np.array([(2.0, 1.0), (7.0, 4.0), (1.0, 8.0), (0.0, 0.0)])
    assert distance(points, starts, ends) == pytest.approx([1, 5, 2, 0])


def test_object_enters_and_leaves():
    events = walk(ZoneWatch(SQUARE), (0.1, 0.5), (0.2, 0.5), (0.4, 0.5), (0.5, 0.5), (0.9, 0.5), (0.95, 0.5))
    assert events == [([], []), ([], []), ([1], []), ([], []), ([], [1]), ([], [])]


def test_object_first_seen_inside_enters_and_one_gone_inside_leaves():
    tracked = [{1}, {1}, set(), set()]
    events = walk(ZoneWatch(SQUARE), (0.5, 0.5), None, None, None, tracked=tracked)
    assert events == [([1], []), ([], []), ([], [1]), ([], [])]


def test_an_object_that_trembles_on_the_edge_neither_enters_nor_leaves():
    rng = np.random.default_rng(0)
    watch = ZoneWatch(SQUARE)
    assert watch(at((0.2, 0.5)), {1}) == ([], [])
    for _ in range(300):
        assert watch(at((0.25 + rng.uniform(-0.01, 0.01), 0.5)), {1}) == ([], [])
    assert watch(at((0.3, 0.5)), {1}) == ([1], [])
    for _ in range(300):
        assert watch(at((0.25 + rng.uniform(-0.01, 0.01), 0.5)), {1}) == ([], [])


def test_zone_is_the_same_in_a_picture_of_another_size():
    watch = ZoneWatch(SQUARE)
    assert watch(at((0.3, 0.3), size=(1920, 1080)), {1}) == ([1], [])
    assert watch(at((0.1, 0.3), size=(320, 240)), {1}) == ([], [1])


def test_several_objects_at_once():
    watch = ZoneWatch(SQUARE)
    assert watch(at((0.5, 0.5), (0.1, 0.1), (0.6, 0.6), tracks=[7, 8, 9]), {7, 8, 9}) == ([7, 9], [])
    assert watch(at((0.5, 0.5), (0.5, 0.5), (0.1, 0.1), tracks=[7, 8, 9]), {7, 8, 9}) == ([8], [9])


def test_direction_of_a_crossing():
    """The line leads down; looking along it, the picture's right is to the left."""
    count = LineCount(MIDDLE)
    assert walk(count, (0.3, 0.5), (0.4, 0.5), (0.6, 0.5), (0.7, 0.5)) == [[], [], [(1, "out")], []]
    assert walk(count, (0.3, 0.5)) == [[(1, "in")]]
    assert (count.passed, dict(count.counts)) == ((1, 1), {("bolt", "out"): 1, ("bolt", "in"): 1})
    assert walk(LineCount(Line.parse("a=0,0.5,1,0.5")), (0.5, 0.2), (0.5, 0.8)) == [[], [(1, "in")]]


@pytest.mark.parametrize("y", [0.1, 0.9])
def test_an_object_that_passes_beside_the_ends_is_not_counted(y):
    assert walk(LineCount(MIDDLE), (0.3, y), (0.7, y), (0.3, y)) == [[], [], []]


def test_an_object_that_goes_round_an_end_and_back_across_is_counted_once():
    count = LineCount(MIDDLE)
    walk(count, (0.4, 0.5), (0.4, 0.1), (0.6, 0.1), (0.6, 0.5), (0.4, 0.5))
    assert count.passed == (1, 0)


def test_an_object_that_trembles_on_the_line_is_counted_once():
    rng = np.random.default_rng(1)
    count = LineCount(MIDDLE)
    way = np.concatenate((np.linspace(0.4, 0.5, 20), np.full(300, 0.5), np.linspace(0.5, 0.6, 20)))
    for x in way:
        count(at((x + rng.normal(0, 0.002), 0.5)), {1})
    assert count.passed == (0, 1)


def test_an_object_that_jumps_across_within_one_frame_is_counted():
    assert walk(LineCount(MIDDLE), (0.05, 0.5), (0.95, 0.5))[1] == [(1, "out")]


def test_object_missed_while_it_crosses_counts_when_it_is_back():
    events = walk(LineCount(MIDDLE), (0.4, 0.5), None, None, (0.6, 0.5))
    assert events == [[], [], [], [(1, "out")]]


def test_an_object_first_seen_on_the_line_is_not_counted():
    assert walk(LineCount(MIDDLE), (0.5, 0.5), (0.6, 0.5)) == [[], []]


def test_ended_tracks_free_the_memory_of_a_line():
    count = LineCount(MIDDLE)
    for number in range(100):
        count(at((0.3, 0.5), tracks=[number]), {number})
    assert len(count._last) == 1


def test_the_summary_of_a_line_lists_the_classes():
    count = LineCount(MIDDLE)
    assert str(count) == "belt: 0 in, 0 out"
    labels = ("bolt", "nut", "bolt")
    for x in (0.3, 0.7):
        count(at((x, 0.4), (x, 0.5), (x, 0.6), labels=labels), {1, 2, 3})
    assert str(count) == "belt: 0 in, 3 out (2 bolt, 1 nut)"

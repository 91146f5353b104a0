from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import CARD, ColourRuntime, FakeCamera, observed, solid

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.inference.model import Model
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run import loop
from edgetl.device.run.observer import SLACK, SceneObserver
from edgetl.device.run.scene_settings import SceneSettings
from edgetl.errors import UsageError
from edgetl.vision.draw import draw
from edgetl.vision.results import Classification, Detections
from edgetl.vision.zones import Line, Zone

SIZE = (640, 480)
LEFT_HALF = Zone.parse("bin=0,0,0.5,0,0.5,1,0,1")
MIDDLE = Line.parse("belt=0.5,0,0.5,1")


def detector(thresholds=(0.4, 0.6)):
    """The results of a run with a detector."""
    decoding = DetectorDecoding((8,), thresholds)
    return ResultSelection(ModelCard("parts", "detection", ("bolt", "nut"), InputSpec(32, 32), decoding=decoding))


def frame(index, fps=25.0):
    return Frame(np.zeros((480, 640, 3), np.uint8), 100 + index / fps, index)


def finds(*objects):
    """Objects of (x, y, class, score): 60 px around a centre in shares of the picture."""
    centres = np.array([(x * SIZE[0], y * SIZE[1]) for x, y, *_ in objects], np.float32).reshape(-1, 2)
    class_id = np.array([row[2] if len(row) > 2 else 0 for row in objects], np.int64)
    score = np.array([row[3] if len(row) > 3 else 0.9 for row in objects], np.float32)
    boxes = np.concatenate((centres - 30, centres + 30), axis=1)
    return Detections(boxes, score, class_id, tuple(("bolt", "nut")[i] for i in class_id), SIZE)


def says(label=None, score=0.9):
    known = () if label is None else (label,)
    ids = np.array([CARD.labels.index(name) for name in known], np.int64)
    return Classification(ids, np.full(len(ids), score, np.float32), known)


def follow(observer, frame, result):
    """The result that the sinks get, and the events."""
    observation, events = observer(observed(frame, result))
    return observation.result, events


def watch(watched, *results, selection=None, fps=25.0):
    """The observer, and the events as (index, text)."""
    observer = SceneObserver(watched, selection or detector(), live=True)
    reported = []
    for index, result in enumerate(results):
        _, events = follow(observer, frame(index, fps), result)
        reported += [(event.index, str(event)) for event in events]
    return observer, reported


def test_objects_that_enter_and_leave_a_zone_are_reported_with_class_and_track():
    way = [finds((x, 0.5, 1)) for x in np.linspace(0.9, 0.1, 41)] + [finds()] * 60
    _, reported = watch(SceneSettings(zones=(LEFT_HALF,)), *way)
    assert [text for _, text in reported] == ["nut 1 entered bin", "nut 1 left bin"]
    assert 20 <= reported[0][0] <= 23, "as it comes past the edge"
    assert reported[1][0] > 41 + 30, "after it has been waited for"


@pytest.mark.parametrize(
    "classes",
    [
        lambda index: ((0, 0.9), (1, 0.8)),  # both at once
        lambda index: ((0, 0.9), (1, 0.8)) if index % 4 else ((1, 0.9), (0, 0.8)),  # the other is better now and then
        lambda index: ((int(index % 4 == 0), 0.9),),  # one after the other
    ],
)
def test_an_object_found_as_two_classes_is_counted_once_as_its_most_frequent_class(classes):
    way = [finds(*((x, 0.5, *which) for which in classes(i))) for i, x in enumerate(np.linspace(0.9, 0.1, 40))]
    observer, reported = watch(SceneSettings(zones=(LEFT_HALF,), lines=(MIDDLE,)), *way, *[finds()] * 60)
    assert sorted(text for _, text in reported) == ["bolt 1 crossed belt, in", "bolt 1 entered bin", "bolt 1 left bin"]
    assert observer.crossings() == {"belt": {"in": 1, "out": 0}}
    assert observer.totals == "belt: 1 in (1 bolt), 0 out"


def test_facts_of_an_event_are_for_programs():
    observer = SceneObserver(SceneSettings(zones=(LEFT_HALF,), lines=(MIDDLE,)), detector(), live=True)
    reported = []
    for index, x in enumerate(np.linspace(0.9, 0.1, 41)):
        reported += follow(observer, frame(index), finds((x, 0.5)))[1]
    entered, crossed = sorted(reported, key=lambda event: event.kind, reverse=True)
    assert entered.to_dict() == {
        "event": "entered", "text": "bolt 1 entered bin", "zone": "bin", "label": "bolt", "class_id": 0, "track": 1,
    }  # fmt: skip
    assert crossed.to_dict() == {
        "event": "crossed", "text": "bolt 1 crossed belt, in", "line": "belt", "direction": "in",
        "label": "bolt", "class_id": 0, "track": 1,
    }  # fmt: skip
    assert crossed.at == frame(crossed.index).captured_at


def test_crossings_are_counted_once_each_way_and_summed_up():
    there = list(np.linspace(0.8, 0.2, 30))
    way = [finds((x + np.sin(i) * 0.004, 0.3), (x, 0.7, 1)) for i, x in enumerate(there + there[::-1] + there)]
    observer, reported = watch(SceneSettings(lines=(MIDDLE,)), *way)
    assert sorted(text for _, text in reported) == sorted(
        ["bolt 1 crossed belt, in", "nut 2 crossed belt, in"] * 2
        + ["bolt 1 crossed belt, out", "nut 2 crossed belt, out"]
    )
    assert observer.totals == "belt: 4 in (2 bolt, 2 nut), 2 out (1 bolt, 1 nut)"


def test_objects_that_appear_and_are_gone_are_reported_without_zones_and_lines():
    seen, unseen = finds((0.5, 0.5)), finds()
    _, reported = watch(SceneSettings(track=True), unseen, seen, seen, seen, *[unseen] * 60)
    assert [text for _, text in reported] == ["bolt 1 appeared", "bolt 1 is gone"]
    _, reported = watch(
        SceneSettings(track=True, zones=(Zone.parse("a=0,0,0.1,0,0.1,0.1"),)), unseen, seen, seen, *[unseen] * 60
    )
    assert reported == []


def test_an_object_seen_in_one_frame_only_is_not_reported():
    blink = [finds((0.2, 0.5)), *[finds()] * 60]
    assert watch(SceneSettings(zones=(LEFT_HALF,)), *blink)[1] == []
    assert watch(SceneSettings(track=True), *blink)[1] == []


def test_result_gets_tracks_and_keeps_the_rest():
    observer = SceneObserver(SceneSettings(track=True), detector(), live=True)
    found = finds((0.2, 0.5), (0.7, 0.5, 1))
    result, _ = follow(observer, frame(0), found)
    assert result.track.tolist() == [1, 2]
    assert result.to_dict()["objects"][1]["track"] == 2
    assert result.xyxy is found.xyxy


def test_a_tracked_object_may_fall_below_its_classs_threshold():
    selection = detector()
    observer = SceneObserver(SceneSettings(track=True), selection, live=True)
    assert selection.filter.slack == SLACK
    strong, weak = finds((0.2, 0.5, 1, 0.7)), finds((0.2, 0.5, 1, 0.5), (0.8, 0.5, 1, 0.5), (0.5, 0.2, 0, 0.5))
    follow(observer, frame(0), strong)
    result, _ = follow(observer, frame(1), weak)
    assert list(zip(result.labels, result.track.tolist(), strict=True)) == [("nut", 1), ("bolt", 2)]
    selection.update(lambda chosen: replace(chosen, threshold=0.3))  # as the page does
    result, _ = follow(observer, frame(2), weak)
    assert len(result) == 3


def test_a_change_of_a_classifiers_label_is_reported_once():
    selection = ResultSelection(CARD)
    results = [says()] * 2 + [says("red")] * 3 + [says("blue")] * 3 + [says()] * 2
    _, reported = watch(SceneSettings(), *results, selection=selection)
    assert reported == [(2, "recognised red"), (5, "recognised blue"), (8, "nothing is recognised any more")]


def test_the_smoothed_label_is_reported_and_passed_on():
    selection = ResultSelection(CARD)
    results = [says("red"), says("red"), says("blue"), says("red"), says("blue"), says("blue"), says("blue")]
    observer = SceneObserver(SceneSettings(smooth=3), selection, live=True)
    seen = [follow(observer, frame(index), result) for index, result in enumerate(results)]
    assert [result.labels[0] for result, _ in seen] == ["red"] * 4 + ["blue"] * 3
    assert [str(event) for _, events in seen for event in events] == ["recognised red", "recognised blue"]


def test_events_of_one_kind_and_class_come_at_most_so_often():
    there = list(np.linspace(0.8, 0.2, 10))
    way = [finds((x, 0.3), (x, 0.7, 1)) for _ in range(4) for x in there + there[::-1]]
    observer, reported = watch(SceneSettings(lines=(MIDDLE,), every=1.5), *way)
    _, all_told = watch(SceneSettings(lines=(MIDDLE,)), *way)
    assert len(all_told) == 16
    times = {}
    for index, text in reported:
        times.setdefault(text, []).append(index / 25)
    assert len(times) == 4
    assert all(np.diff(at).min(initial=9) >= 1.5 for at in times.values())
    assert len(reported) < 16
    assert observer.totals.startswith("belt: 8 in"), "counts go on"


def test_a_label_that_was_held_back_is_reported_when_its_time_has_come():
    selection = ResultSelection(CARD)
    results = [says("red"), says("blue"), says("red"), *[says("red")] * 40]
    _, reported = watch(SceneSettings(every=1.0), *results, selection=selection)
    assert reported == [(0, "recognised red"), (1, "recognised blue"), (25, "recognised red")]


def test_a_film_is_timed_by_its_frame_rate_however_fast_it_is_read():
    """Read in a moment, a film's second is still a second: an object is waited for as long."""
    observer = SceneObserver(SceneSettings(track=True), detector(), live=False, fps=25.0)
    numbers = []
    for index in range(100):
        seen = index < 5 or index >= 60
        at_once = Frame(np.zeros((48, 64, 3), np.uint8), 100 + index / 5000, index)
        numbers += follow(observer, at_once, finds((0.5, 0.5)) if seen else finds())[0].track.tolist()
    assert sorted(set(numbers)) == [1, 2]


@pytest.mark.slow
def test_the_observers_memory_stays_flat():
    observer = SceneObserver(
        SceneSettings(track=True, zones=(LEFT_HALF,), lines=(MIDDLE,), every=0.1), detector(), live=True
    )
    rng = np.random.default_rng(0)
    for index in range(3000):
        follow(observer, frame(index, fps=2.0), finds(*rng.uniform(0.1, 0.9, (3, 2))))
    assert len(observer._objects) < 60
    assert len(observer._limit._last) < 30


def test_zones_lines_and_counts_are_drawn():
    observer = SceneObserver(SceneSettings(zones=(LEFT_HALF,), lines=(MIDDLE,)), detector(), live=True)
    picture = np.zeros((480, 640, 3), np.uint8)
    observer.draw(picture, finds())
    assert picture[479, 100].min() > 200, "the zone's lower edge"
    assert picture[300, 320].min() > 200, "the line"
    empty = np.zeros((480, 640, 3), np.uint8)
    observer.draw(empty, says("red"))
    assert empty[479].max() == 0


def test_the_count_on_the_picture_goes_up(monkeypatch):
    written = []
    put = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: (written.append(text), put(image, text, *rest))[1])
    observer, _ = watch(SceneSettings(lines=(MIDDLE,)), *(finds((x, 0.5)) for x in np.linspace(0.8, 0.2, 30)))
    observer.draw(np.zeros((480, 640, 3), np.uint8), finds((0.2, 0.5)))
    assert "belt 1 in, 0 out" in written


def test_events_of_the_observer_follow_their_result():
    model = Model(ColourRuntime(), CARD)
    images = [solid(2)] * 3 + [solid(0)] * 3

    class Keep:
        def __init__(self):
            self.received = []

        def write(self, observation):
            self.received.append(observation.result.labels[0])

        def notify(self, event):
            self.received.append(str(event))

    sink = Keep()
    observer = SceneObserver(SceneSettings(), ResultSelection(CARD), live=False, fps=25.0)
    loop.run(model, FakeCamera(images), [sink], observer=observer)
    assert sink.received == ["red", "recognised red", "red", "red", "blue", "recognised blue", "blue", "blue"]


@pytest.mark.parametrize(
    "watched", [SceneSettings(track=True), SceneSettings(zones=(LEFT_HALF,)), SceneSettings(lines=(MIDDLE,))]
)
def test_a_classifier_has_no_objects_to_follow(watched):
    with pytest.raises(UsageError, match="this model is a classifier"):
        SceneObserver(watched, ResultSelection(CARD), live=True)


def test_a_detector_has_no_label_to_smooth():
    with pytest.raises(UsageError, match="--smooth steadies a classifier's label") as caught:
        SceneObserver(SceneSettings(smooth=5), detector(), live=True)
    assert "--track" in str(caught.value)


def test_two_zones_of_one_name_are_refused():
    with pytest.raises(UsageError, match="'bin'"):
        SceneSettings(zones=(LEFT_HALF, LEFT_HALF))


@pytest.mark.parametrize("name", ["bin{1}", "{}", "a}b{"])
def test_braces_in_the_name_of_a_zone_are_printed_unchanged(name):
    zone, line = Zone.parse(f"{name}=0,0,0.5,0,0.5,1,0,1"), Line.parse(f"{name}|=0.5,0,0.5,1")
    _, reported = watch(
        SceneSettings(zones=(zone,), lines=(line,)), *(finds((x, 0.5)) for x in np.linspace(0.9, 0.1, 41))
    )
    assert sorted(text for _, text in reported) == [f"bolt 1 crossed {name}|, in", f"bolt 1 entered {name}"]


def test_page_shows_zones_too():
    from edgetl.device.sinks.page.mjpeg import encode

    observer = SceneObserver(SceneSettings(zones=(LEFT_HALF,)), detector(), live=True)
    observation = observed(frame(0), finds())
    for drawing, brightest in ((observer.draw, 250), (draw, 10)):
        jpeg = encode(observation, None, 95, drawing)
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert (picture.max() >= 250) == (brightest == 250)


def test_an_object_below_a_raised_threshold_is_no_longer_shown():
    """A person who moves the page's slider means it: what is followed already doesn't stay for its slack."""
    selection = detector()
    observer = SceneObserver(SceneSettings(track=True), selection, live=True)
    for index in range(5):
        shown, _ = follow(observer, frame(index), finds((0.5, 0.5, 0, 0.5)))
        assert len(shown) == 1
    selection.update(lambda chosen: replace(chosen, threshold=0.8))
    for index in range(5, 12):
        shown, _ = follow(observer, frame(index), finds((0.5, 0.5, 0, 0.5)))
        assert len(shown) == 0

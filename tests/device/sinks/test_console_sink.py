"""Results as lines for people."""

from __future__ import annotations

import io

from fakes import camera_frame, classified, detected, observed

from edgetl.device.sinks.console import Console


def test_every_photo_gets_a_line():
    stream = io.StringIO()
    with Console(stream) as sink:
        sink.write(observed(camera_frame(0, name="a.png"), classified()))
        sink.write(observed(camera_frame(1, name="b.png"), classified()))
    assert stream.getvalue() == "a.png: red 50%\nb.png: red 50%\n"


def test_changes_are_printed_at_most_twice_a_second():
    stream = io.StringIO()
    with Console(stream) as sink:
        for index, label in enumerate(["red"] * 30 + ["blue", "green"] * 20):
            sink.write(observed(camera_frame(index, at=index / 40), classified(label)))
    assert stream.getvalue() == "frame 0: red 50%\nframe 30: blue 50%\nframe 51: green 50%\n"


def test_objects_are_printed_when_their_number_changes():
    stream, one, two = io.StringIO(), (1, 1, 9, 9), (20, 20, 30, 30)
    with Console(stream) as sink:
        for index in range(40):
            moved = (1 + index % 5, 1, 9 + index % 5, 9)
            sink.write(
                observed(camera_frame(index, at=index / 40), detected(moved) if index < 30 else detected(one, two))
            )
        sink.write(observed(camera_frame(41, name="a.png"), detected(one, two)))
        sink.write(observed(camera_frame(42, name="b.png"), detected()))
    lines = ["frame 0: 1 red", "frame 30: 2 red", "a.png: 2 red", "b.png: nothing found"]
    assert stream.getvalue().splitlines() == lines
    stream.truncate(0)
    with Console(stream) as sink:
        for index in range(40):
            sink.write(observed(camera_frame(index, at=index / 40), detected(*[one] * (index % 2))))
    assert stream.getvalue().count("\n") == 2, "twice a second at most, however it flickers"

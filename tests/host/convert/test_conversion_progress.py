"""A conversion shows a bar that moves with the share of variants, and estimates its time before the first one."""

from __future__ import annotations

import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edgetl.card import InputSpec, ModelCard
from edgetl.host.console import Bar, console, unsilenced
from edgetl.host.convert import conversion_progress
from edgetl.host.convert.conversion_progress import ConversionProgress, estimated_seconds
from edgetl.host.convert.converter import ConversionInput
from edgetl.progress import reporting
from edgetl.quiet import quiet_output
from edgetl.target import Gate

FLOAT, INT8 = ("tflite", "float32"), ("tflite", "static_wi8_ai8")


class Received:
    """A receiver that remembers the state of the work."""

    def __init__(self):
        self.states = []

    def message(self, text):
        pass

    def advance(self, work, done, total, note=""):
        self.states.append((work, done, total, note))


def convert_two(progress):
    for name in ("float32", "float16"):
        with progress.variant(name):
            progress.converting("")
            progress.step("evaluating", 5, 10)


def test_the_state_names_the_step_and_counts_the_variants():
    received = Received()
    with reporting(received), Bar("converting", 2) as bar:
        convert_two(ConversionProgress(bar, (10, 30)))
    assert received.states == [
        ("converting", 0, 2, "float32: converting, about 40 s left"),
        ("converting", 0, 2, "float32: evaluating"),
        ("converting", 1, 2, "float32"),
        ("converting", 1, 2, "float16: converting"),
        ("converting", 1, 2, "float16: evaluating"),
        ("converting", 2, 2, "float16"),
    ]


def test_the_bar_moves_within_a_variant_and_never_back():
    shares = []

    class Recorded:
        def update(self, parts, note):
            shares.append(parts)

    progress = ConversionProgress(Recorded(), (1,))
    with progress.variant("int8"):
        progress.converting("")
        progress.step("evaluating", 5, 10)
        progress.converting("calibrated with 500 photos")
        progress.step("evaluating", 1, 10)
    assert shares == [0, pytest.approx(0.75), 0, 0, pytest.approx(0.25)]


def test_the_time_left_follows_the_pace_so_far(monkeypatch):
    notes, clock = [], iter((0, 60, 60, 90))
    monkeypatch.setattr(conversion_progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    bar = SimpleNamespace(update=lambda parts, note: notes.append(note))
    progress = ConversionProgress(bar, (20, 20))
    for name in ("float32", "float16"):
        with progress.variant(name):
            progress.converting("")
    assert notes == [
        "float32: converting, about 40 s left",
        "float32, about 1 minute left",
        "float16: converting, about 1 minute left",
        "float16",
    ]


def test_the_bar_is_on_the_terminal_while_a_librarys_output_is_silenced(monkeypatch, capfd):
    monkeypatch.setattr(console, "_force_terminal", True)
    monkeypatch.setattr(console, "is_interactive", True)
    monkeypatch.setenv("TERM", "xterm")
    with unsilenced(), Bar("converting", 2) as bar:
        progress = ConversionProgress(bar, (1, 1))
        with progress.variant("float32"), quiet_output():
            print("chatter")
            progress.converting("")
            before = capfd.readouterr()
            time.sleep(0.3)
            redrawn = capfd.readouterr()
    assert "float32: converting" in before.err
    assert "0/2" in redrawn.err, "the bar is drawn again and again, so that its time goes on"
    assert "chatter" not in before.out + before.err + redrawn.out + redrawn.err


def test_the_estimate_grows_with_photos_and_variants_and_needs_enough_photos(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion_progress, "cores", lambda: 1)
    card = ModelCard("parts", "classification", ("a", "b"), InputSpec(96, 96))
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((8, 8, 3), np.uint8))

    def estimate(photos, *candidates):
        judge = SimpleNamespace(photos=[tmp_path / "photo.png"] * photos, seconds_per_photo=0.05)
        return estimated_seconds(candidates, ConversionInput(None, card, judge, Gate(), 0))

    assert estimate(10, FLOAT) is None
    assert estimate(1000, FLOAT) - estimate(100, FLOAT) == pytest.approx(45, rel=0.2)
    assert estimate(100, FLOAT, FLOAT) - estimate(100, FLOAT) == pytest.approx(6.5, rel=0.2)
    assert estimate(100, INT8) > estimate(100, FLOAT) + 20

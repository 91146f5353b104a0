"""Frames in a window."""

from __future__ import annotations

import sys

import cv2
import pytest
from fakes import camera_frame, classified, observed, solid

from edgetl.device.sinks import RunEnded
from edgetl.device.sinks import window as window_module
from edgetl.device.sinks.window import Window
from edgetl.errors import UsageError
from edgetl.install import install_command


def test_a_window_needs_an_opencv_with_windows(monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    with pytest.raises(UsageError, match="headless") as caught, Window():
        pass
    assert install_command("window") in caught.value.remedy
    assert "--save" in str(caught.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are looked for on Linux")
@pytest.mark.parametrize("display", ["", ":98", "localhost:98.0", "nonsense"])
def test_a_window_needs_a_display(monkeypatch, display):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(UsageError, match="no display"), Window():
        pass


@pytest.mark.parametrize(("key", "visible"), [(ord("q"), 1), (27, 1), (-1, 0)])
def test_q_esc_and_the_close_button_end_the_run(monkeypatch, key, visible):
    keys, shown, sizes = iter([-1, key]), [], []
    views = iter([1, visible])
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT")
    monkeypatch.setattr(window_module, "_display_answers", lambda display: True)
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "destroyWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "resizeWindow", lambda title, *size: sizes.append(size))
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda delay: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: next(views))
    source = solid(2)
    with Window() as sink:
        sink.write(observed(camera_frame(0, image=source), classified()))
        with pytest.raises(RunEnded):
            sink.write(observed(camera_frame(1, image=source), classified()))
    assert len(shown) == 2
    assert sizes == [(64, 48)]
    assert (source == solid(2)).all()

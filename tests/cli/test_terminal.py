"""Text out of a stranger's files reaches a terminal without the characters that steer it."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
from homes import draw_folders, edgetl

from edgetl.cli.echo import LogFormatter
from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.console import Console
from edgetl.device.stages import Timings
from edgetl.host import console as progress
from edgetl.vision.results import Classification

TITLE = "\x1b]0;title\x07"


def safe(text):
    return not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in text)


@pytest.mark.parametrize("name", [TITLE, "\x9b2J", "a\rb", "\u202ecba", "caf\udce9"])
def test_names_of_folders_and_photos(empty_home, name):
    draw_folders(empty_home.photos, 3, ("a", "b"))
    (empty_home.photos / "b").rename(empty_home.photos / f"b{name}")
    (empty_home.photos / "a" / f"x{name}.jpg").write_text("no photo")
    for done in (edgetl("data", "check", "photos"), edgetl("data", "check", "photos", "--json")):
        assert safe(done.out + done.err)
        assert done.out + done.err


@pytest.mark.parametrize("args", [["data", "check", TITLE], ["run", "b", TITLE], ["verify", TITLE], [TITLE]])
def test_names_in_errors(empty_home, args):
    done = edgetl(*args)
    assert done.code in (2, 3, 4)
    assert safe(done.err)
    assert r"\x1b]0;title\x07" in done.err


def test_a_line_end_in_a_path_does_not_make_a_line_of_its_own(empty_home):
    done = edgetl("data", "check", "photos\n  remedy: run this")
    assert done.err.count("\n  remedy: ") == 1


def test_usage_errors_keep_their_form(empty_home):
    done = edgetl("bench", "b", "--minutes", "x")
    assert done.code == 2
    assert "'--minutes'" in done.err
    assert edgetl("data").code == 2
    choices = edgetl("data", "convert", "a", "b").err
    assert "coco" in choices
    assert "\\n" not in choices
    assert edgetl("models").out == ""


def test_results_and_events_on_the_console():
    stream = io.StringIO()
    console = Console(stream)
    result = Classification(np.array([0]), np.array([0.9], np.float32), (TITLE,))
    console.write(Observation(Frame(np.zeros((1, 1, 3), np.uint8), 0.0, 0, TITLE), result, Timings(), 0.0))
    console.notify(Event("camera_lost", 0.0, f"lost: {TITLE}"))
    assert safe(stream.getvalue())
    assert stream.getvalue().count("\n") == 2


def test_log_records():
    record = logging.LogRecord("edgetl", logging.WARNING, "", 1, "%s is skipped", (TITLE,), None)
    assert LogFormatter("%(levelname)s: %(message)s").format(record) == r"WARNING: \x1b]0;title\x07 is skipped"


@pytest.mark.parametrize("name", [TITLE, "[red]", "[/x]", ":smile:"])
def test_names_on_the_workstations_console(capsys, name):
    progress.console.print(f"model {name}\ndone")
    printed = capsys.readouterr().err
    assert safe(printed)
    assert printed.endswith("done\n")
    assert name in printed or name == TITLE


def test_short_work_draws_no_bar(capsys, monkeypatch):
    monkeypatch.setattr(progress.console, "_force_terminal", True)
    assert list(progress.track([1, 2], "Reading", 2)) == [1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "_SHORT", 0.0)
    assert list(progress.track([1, 2], "Reading", 2)) == [1, 2]
    assert "\x1b" in capsys.readouterr().err

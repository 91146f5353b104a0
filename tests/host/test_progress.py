"""Work that is started from Python prints nothing, and reports to the caller's object if there is one."""

from __future__ import annotations

import logging

from rich.table import Table

from edgetl.host.console import Bar, console, optional, result, track
from edgetl.progress import PrintProgress, reporting


class Received:
    """A receiver that remembers what it was sent."""

    def __init__(self):
        self.messages, self.steps = [], []

    def message(self, text):
        self.messages.append(text)

    def advance(self, work, done, total, note=""):
        self.steps.append((work, done, total))


def work():
    console.print("30 photos")
    with Bar("converting", 2) as bar:
        bar.update(0.5, "float32: converting")
        bar.update(1.5)
    for _ in track(range(3), "Evaluating", 3):
        pass
    result("parts: 97 %")


def test_nothing_is_printed_without_a_receiver(capfd):
    with reporting(None):
        work()
    assert capfd.readouterr() == ("", "")


def test_a_receiver_gets_the_messages_and_every_step_and_nothing_is_printed(capfd):
    received = Received()
    with reporting(received):
        work()
    assert received.messages == ["30 photos", "parts: 97 %"]
    assert received.steps == [("converting", 0, 2), ("converting", 2, 2)] + [
        ("Evaluating", done, 3) for done in (1, 2, 3)
    ]
    assert capfd.readouterr() == ("", "")


def test_a_receiver_gets_tables_as_plain_text():
    table = Table("variant", "kB")
    table.add_row("float32\x1b[2J", "868")
    received = Received()
    with reporting(received):
        console.print(table)
    (text,) = received.messages
    assert "868" in text
    assert "\x1b" not in text


def test_a_warning_goes_to_the_log_where_nothing_is_printed(caplog, tmp_path):
    with reporting(None), optional("the report", tmp_path):
        raise OSError("the disk is full")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "the disk is full" in record.message


def test_printed_progress_rewrites_one_line(capsys):
    progress = PrintProgress()
    progress.advance("finetune", 1, 2, "loss 0.4")
    progress.advance("finetune", 2, 2)
    progress.message("done")
    assert capsys.readouterr().out == "\rfinetune 50 % loss 0.4 \rfinetune 100 % \ndone\n"

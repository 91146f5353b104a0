"""What the workstation says of long work."""

from __future__ import annotations

import logging

import pytest

from edgetl.host.console import Bar, console, result, unsilenced
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.stage import Stage


@pytest.fixture
def quiet():
    logger = logging.getLogger("edgetl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


def test_the_result_is_printed_though_all_else_is_quiet(quiet, capsys):
    console.print("much")
    result("parts: 97 %\x1b[2J")
    assert capsys.readouterr().err == "parts: 97 %\\x1b[2J\n"


def test_off_a_terminal_no_bar_is_drawn(capsys):
    with unsilenced(), Bar("converting", 2) as bar:
        bar.update(0.5, "float32: converting")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("seconds", "said"), [(6.0, "at most about 12 minutes"), (0.2, "")])
def test_a_long_stage_is_estimated_from_its_first_steps(seconds, said, capsys):
    stage = Stage("finetune", None, TrainOptions("x", "x"), None, epochs=10, steps=100)
    stage._estimate(10, seconds)
    err = capsys.readouterr().err
    assert said in err
    assert bool(err) == bool(said)

"""Help pages fit a terminal, list common options first, and the shell can complete commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from homes import edgetl

from edgetl.cli import main


def all_commands(group=main, path=()):
    """Every command with the words that call it."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


COMMANDS = {" ".join(words): command for words, command in all_commands()}


@pytest.mark.parametrize("words", ["", *COMMANDS])
def test_every_help_page_fits_80_columns(words):
    shown = edgetl(*words.split(), "--help")
    assert shown.code == 0
    assert [line for line in shown.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_every_help_page_lists_each_option_once(words):
    page = edgetl(*words.split(), "--help").out
    page = page[re.search(r"^(Common o|O)ptions:$", page, re.MULTILINE).start() :]
    listed = re.findall(r"^  (?:-\w, )?(--[\w-]+)", page, re.MULTILINE)
    own = [param for param in COMMANDS[words].params if isinstance(param, click.Option) and not param.hidden]
    assert sorted(listed) == sorted([next(o for o in param.opts if o.startswith("--")) for param in own] + ["--help"])


def test_common_options_come_first():
    page = edgetl("train", "--help").out
    assert (
        page.index("Common options:")
        < page.index("  --weights TEXT")
        < page.index("Network:")
        < page.index("  --backbone")
    )


@pytest.mark.parametrize(
    ("typed", "meant"), [(["trian"], "train"), (["models", "lst"], "list"), (["train", "--nmae", "x"], "--name")]
)
def test_a_mistyped_word_is_answered_with_the_one_that_was_meant(typed, meant):
    done = edgetl(*typed)
    assert done.code == 2
    assert "Did you mean" in done.err
    assert f"'{meant}'" in done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_valid(shell):
    script = edgetl("completion", shell).out
    assert "edgetl" in script
    if shutil.which(shell):
        done = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_shell_gets_commands_and_options():
    program = Path(sys.executable).with_name("edgetl")
    answers = []
    for words, position in (("edgetl tr", 1), ("edgetl train --wei", 2)):
        environment = {"COMP_WORDS": words, "COMP_CWORD": str(position), "_EDGETL_COMPLETE": "bash_complete"}
        answers.append(subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60).stdout)
    assert "train" in answers[0]
    assert "--weights" in answers[1]

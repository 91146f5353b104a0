"""Every command and every option says what it is for, and the README knows every command."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from edgetl.cli import main

README = Path(__file__).parent.parent / "README.md"


def walk(command, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


COMMANDS = dict(walk(main))
OPTIONS = {
    (*path, parameter.opts[0]): parameter
    for path, command in COMMANDS.items()
    for parameter in command.params
    if isinstance(parameter, click.Option)
}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_has_help(path):
    text = (COMMANDS[path].help or "").strip()
    assert text, path
    assert text.split("\n")[0].rstrip()[-1] in ".;,:?" or len(text.split("\n")) > 1, path


@pytest.mark.parametrize("path", OPTIONS, ids=" ".join)
def test_option_has_help(path):
    assert (OPTIONS[path].help or "").strip(), path


@pytest.mark.parametrize("name", main.commands)
def test_readme_mentions_the_command(name):
    assert f"edgetl {name}" in README.read_text(encoding="utf-8"), f"README.md says nothing of `edgetl {name}`"


def test_commands_are_listed_in_the_order_of_the_work():
    listed = main.list_commands(click.Context(main))
    assert listed.index("train") < listed.index("convert") < listed.index("verify") < listed.index("run")

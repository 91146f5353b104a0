"""Every command and every option says what it is for, and the documentation knows every command."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edgetl.cli import main
from edgetl.host.train.options import TrainOptions

DOCS = Path(__file__).parent.parent / "docs"


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
def test_a_page_besides_the_reference_mentions_the_command(name):
    pages = [page for page in DOCS.glob("*.md") if page.name != "command-reference.md"]
    assert any(f"edgetl {name}" in page.read_text(encoding="utf-8") for page in pages)


def test_commands_are_listed_in_the_order_of_the_work():
    listed = main.list_commands(click.Context(main))
    assert listed.index("train") < listed.index("convert") < listed.index("verify") < listed.index("run")


def test_every_training_option_shows_its_default():
    """A default that is a fixed value is the one that `TrainOptions` has."""
    fixed = {field.name: field.default for field in dataclasses.fields(TrainOptions)}
    (train,) = (command for path, command in COMMANDS.items() if path == ("train",))
    for option in train.params:
        if not isinstance(option, click.Option) or option.name not in fixed:
            continue
        shown = re.search(r"\[default: (.*)\]", option.help or "")
        assert shown, option.opts
        value = fixed[option.name]
        if isinstance(value, bool):
            assert shown[1] == option.opts[0].removeprefix("--" if value else "") or not value
        elif value is not dataclasses.MISSING and value is not None:
            assert shown[1].startswith(f"{value:g}" if isinstance(value, float) else str(value)), option.opts


def test_summaries_are_whole_sentences():
    text = CliRunner().invoke(main, ["--help"]).output
    assert "..." not in text.split("Commands:")[1]
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_global_flags_are_understood_after_a_command(path):
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    assert {"--quiet", "--verbose"} <= options

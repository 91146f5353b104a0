"""What the README says is what the project does."""

import re
import shlex
from pathlib import Path

import click
import pytest

from edgetl.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [line for line in re.findall(r"^(?:\.venv/bin/)?(edgetl .*)$", README, re.M) if "…" not in line]


def test_the_first_two_commands_are_what_ci_runs():
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S)
    assert len(blocks) == 2
    assert blocks[0].rstrip().endswith("edgetl demo")
    assert blocks[1].rstrip().endswith("pytest")
    script = (ROOT / ".ci" / "run").read_text()
    assert "block 1" in script
    assert "block 2" in script


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_in_the_readme_exist_with_their_options(line):
    words = shlex.split(re.split(r"\s{2,}", line)[0].replace("[", "").replace("]", ""))[1:]
    command: click.Command = main
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command is not main
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known


def test_python_in_the_readme_is_valid():
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")

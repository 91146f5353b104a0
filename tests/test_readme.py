"""What the README says is what the project does."""

import doctest
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

import edgetl
from edgetl import Model
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


def test_the_example_of_the_package_runs(home):
    shutil.copy("photos/disc/00.jpg", "bolt.jpg")
    text = edgetl.__doc__.replace("models/parts/rpi", str(home.bundle))
    (example,) = doctest.DocTestFinder(recurse=False).find(edgetl, "edgetl")
    assert len(example.examples) == 4
    printed: list[str] = []
    names = {"print": lambda value: printed.append(str(value))}
    exec("".join(part.source for part in doctest.DocTestParser().get_examples(text)), names)
    assert printed[0].split()[0] in Model.open(home.bundle).card.labels
    assert re.fullmatch(r"\w+ \d+%", printed[0])
    assert re.fullmatch(r"\w+ \d+%", example.examples[-1].want.strip())

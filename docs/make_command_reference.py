"""Writes docs/command-reference.md from the `--help` of every command.

python docs/make_command_reference.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from edgetl.cli import main

PAGE = Path(__file__).with_name("command-reference.md")
WIDTH = 80
"""The help is wrapped at this many columns, as in a terminal of the usual width."""
_INTRODUCTION = """\
# Command reference

This page is written by `python docs/make_command_reference.py` from the help of the commands, and a test compares both.
`edgetl COMMAND --help` prints the same text.

## Common to all commands

- `--quiet` and `--verbose` may stand before or after a command.
- Results for programs go to stdout when asked for (`--json`, `--jsonl -`); everything for people goes to stderr.
- Progress bars appear on a terminal only. Set `NO_COLOR` to get no colours.
- `edgetl completion bash`, `zsh` or `fish` prints a script that completes commands and options with the Tab key.

| exit code | meaning |
|---|---|
| 0 | success |
| 1 | failed at run time |
| 2 | usage, including names that don't exist |
| 3 | the data set is unusable |
| 4 | a model or bundle is invalid |
| 5 | a gate is not met |
| 6 | the camera is lost |

## Commands

"""

Words = tuple[str, ...]
"""The words of a command, e.g. `("edgetl", "data", "check")`."""


def commands(command: click.Command, path: Words = ("edgetl",)) -> Iterator[tuple[Words, click.Command]]:
    """Yields the words of every command with the command, in the order of the help."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from commands(below, (*path, name))


def help_text(path: Words, command: click.Command) -> str:
    """Returns what `--help` prints for a command, without spaces at line ends."""
    settings = {**main.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(main, info_name=path[0], **settings)
    if command is not main:
        context = click.Context(command, info_name=" ".join(path[1:]), parent=context)
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def page() -> str:
    """Returns the whole page as Markdown."""
    found = list(commands(main))
    titles = [" ".join(path) for path, _ in found]
    contents = "\n".join(f"- [{title}](#{title.replace(' ', '-')})" for title in titles)
    parts = [
        f"## {title}\n\n```text\n{help_text(path, command)}\n```\n"
        for title, (path, command) in zip(titles, found, strict=True)
    ]
    return _INTRODUCTION + contents + "\n\n" + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The pages of the documentation: their text, blocks, links and commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from edgetl.cli import main

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
REFERENCE = ROOT / "docs" / "command-reference.md"
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
_OPERATORS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>"})


@dataclass(frozen=True)
class Line:
    """A line of shell in a page: its place, its text, and the words of each command in it."""

    page: str
    text: str
    commands: tuple[tuple[str, ...], ...]
    piped: bool

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """Returns the content of a page's fenced blocks in some languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [content for language, content in found if language in languages]


def prose(page: Path) -> str:
    """Returns a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def shell_lines(page: Path) -> list[Line]:
    """Returns the lines of a page's blocks of shell, continued lines joined, without those of comments alone."""
    text = "".join(blocks(page, "sh", "bash")).replace("\\\n", " ")
    return [line for row in text.splitlines() if (line := parse_shell(name_of(page), row)).commands]


def parse_shell(page: str, text: str) -> Line:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    operators = []
    for word in lexer:
        if word in _OPERATORS:
            operators.append(word)
            commands.append([])
        else:
            commands[-1].append(word)
    found = tuple((Path(words[0]).name, *words[1:]) for words in commands if words)
    return Line(page, text.strip(), found, bool({"|", ">", "<"} & set(operators)))


def edgetl_commands(page: Path) -> list[tuple[str, ...]]:
    """Returns the words of each edgetl command in a page's blocks and in its text, without those with `…`."""
    inline = re.findall(r"`((?:\.venv/bin/)?edgetl [^`…]+)`", prose(page))
    lines = [parse_shell(name_of(page), " ".join(text.split())) for text in inline] + shell_lines(page)
    return [words[1:] for line in lines for words in line.commands if words[0] == "edgetl"]


def find_command(words: tuple[str, ...]) -> tuple[click.Command, list[str]]:
    """Returns the command that some words name, and the words that follow it."""
    command: click.Command = main
    rest = list(words)
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    return command, rest


def all_options() -> set[str]:
    """Returns every option of every command."""

    def walk(command: click.Command) -> set[str]:
        own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        return own.union(*(walk(below) for below in getattr(command, "commands", {}).values()))

    return walk(main) | {"--help", "-h"}

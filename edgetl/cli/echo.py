"""The one place where a command prints text."""

from __future__ import annotations

import logging
from contextlib import nullcontext, suppress

import click

from edgetl.text import json_text, printable, without_passwords

_KEPT = "\n\t"
"""Control characters that a message may contain."""


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    r"""Prints text, in which control characters and lone surrogates are escaped, and without passwords of addresses.

    File names, class names and messages of cameras and models come from strangers: printed as they are, they could
    steer the terminal or end the program with an encoding error.

    Args:
        text: the text, or an object whose `str` is the text; line ends and tabs stay as they are.
        err: whether to print to stderr instead of stdout.
        nl: whether to end with a line end.
    """
    # A message whose terminal was closed, or whose reader has left, is dropped: it is never worth the command.
    with suppress(OSError) if err else nullcontext():
        click.echo(printable(without_passwords(str(text)), keep=_KEPT), err=err, nl=nl)


def echo_json(value: object) -> None:
    """Prints a JSON-ready value to stdout, indented by two blanks a level."""
    click.echo(json_text(value, indent=2))


class LogFormatter(logging.Formatter):
    """Formats log records like `echo` prints text."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as printable text."""
        return printable(without_passwords(super().format(record)), keep=_KEPT)

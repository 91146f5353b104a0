"""The command line: one file per command, each a few options and one library call."""

from __future__ import annotations


def main() -> None:
    """Runs the command line."""

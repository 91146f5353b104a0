"""Runs the command line when edgetl is started as `python -m edgetl`."""

from edgetl.cli import main

main(prog_name="edgetl")

"""`edgetl demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgetl.host.demo.task import TaskName


@click.command()
@click.option(
    "--task",
    type=click.Choice(["classify", "detect"]),
    default="classify",
    show_default=True,
    help="classify: name one part in each photo; detect: find several.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder for the photos and the film.  [default: demo or demo-detect]",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the drawing and the training.")
def demo(task: TaskName, folder: Path | None, seed: int) -> None:
    """Show all steps, offline, on photos that edgetl draws itself.

    The demo draws machine parts on a conveyor belt, trains on them, converts the model for the Raspberry Pi, verifies
    the bundle, runs it over a short film, and prints where the results are and what to type for your own photos. With
    --task classify each photo shows one part, and a classifier learns to name it. With --task detect a photo shows
    several parts, and a detector learns to find them.

    On two cores it takes less than three minutes, with --task detect less than four. The models are called demo and
    demo-detect. Each run adds a version to its model.
    """
    from edgetl.host.demo.job import demo as run_demo

    run_demo(task, folder, seed=seed)

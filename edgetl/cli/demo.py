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
    help="Name one part, or find several.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Where to.  [default: demo, or demo-detect]")
@click.option("--seed", default=0, show_default=True, help="Another seed draws other photos.")
def demo(task: TaskName, folder: Path | None, seed: int) -> None:
    """Show the whole way, offline, on photos that edgetl draws itself.

    On two cores it takes under three minutes, with --task detect under four.

    Draws machine parts on a conveyor belt, trains on them, converts for the Raspberry Pi, verifies the bundle, runs it
    over a short film, and says where everything is and what to type for your own photos. The photos show one part each
    and a classifier learns to name it; with --task detect they show several, and a detector learns to find them.

    The models are called demo and demo-detect: neither demo replaces what the other one made.
    """
    from edgetl.host.demo.job import demo as run_demo

    run_demo(task, folder, seed=seed)

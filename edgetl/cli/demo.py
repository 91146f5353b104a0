"""`edgetl demo`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Where to.")
@click.option("--seed", default=0, show_default=True, help="Another seed draws other photos.")
def demo(folder: Path, seed: int) -> None:
    """Show the whole way, offline, in under three minutes, on photos that edgetl draws itself.

    Draws machine parts on a conveyor belt, trains on them, converts for the Raspberry Pi, verifies the bundle, runs it
    over a short film, and says where everything is and what to type for your own photos.
    """
    from edgetl.host.demo.job import demo as run_demo

    run_demo(folder, seed=seed)

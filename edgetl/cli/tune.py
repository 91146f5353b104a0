"""`edgetl tune`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.bar import Bar
from edgetl.cli.echo import echo


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    multiple=True,
    help="Number of threads to try; may be repeated.  [default: 1, 2 and 4]",
)
@click.option("--json", "as_json", is_flag=True, help="Write the measurement as JSON to stdout.")
def tune(bundle: Path, threads: tuple[int, ...], as_json: bool) -> None:
    """Measure which of a bundle's variants is fastest on this machine, and remember it.

    BUNDLE is a bundle's folder, a stored model's name if it has one bundle, or NAME/TARGET.

    Every variant replays the golden photos with each number of threads, and is left out if its outputs are not the
    expected ones. The others take turns; the time from frame to result counts. The fastest goes into the bundle's
    tuned.json, with a fingerprint of the machine: processor, cores, clock governor, system, versions.
    `edgetl run --variant auto` reads it from there, and measures again on another machine.

    \b
      edgetl tune parts
      edgetl run parts --variant auto --source 0
    """
    import json

    from edgetl.device.measure import tune as tuning
    from edgetl.device.measure.tuned_file import remember, require_writable
    from edgetl.find_bundle import find_bundle

    bundle = find_bundle(bundle)
    require_writable(bundle)
    with Bar() as bar:
        found = tuning.tune(bundle, threads, lambda line: echo(line, err=True), bar)
    echo(json.dumps(found.to_dict(), indent=2) if as_json else str(found), err=not as_json)
    remember(bundle, found)

"""`edgetl doctor`."""

from __future__ import annotations

import click

from edgetl.cli.echo import echo


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write the results as JSON to stdout.")
def doctor(as_json: bool) -> None:
    """Check what this machine has and lacks for running models, with a remedy for each problem.

    The checks cover the processor, Python, runtimes, OpenCV, cameras, power, disk and optional parts. The command
    changes nothing and opens no camera. Exits with 1 if a part is missing without which no model runs.

    \b
      edgetl doctor
      edgetl doctor --json
    """
    import json

    from edgetl.device.measure.doctor import examine
    from edgetl.errors import EdgetlError

    checks = examine()
    if as_json:
        echo(json.dumps([check.to_dict() for check in checks], indent=2))
    else:
        echo("\n".join(map(str, checks)))
    missing = [check.name for check in checks if check.state == "missing"]
    if missing:
        remedy = "follow the remedies above, then run `edgetl doctor` again"
        raise EdgetlError(f"models can't run on this machine: {', '.join(missing)} missing", remedy=remedy)

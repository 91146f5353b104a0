"""`edgetl verify`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.echo import echo


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", help="Replay only this variant.  [default: every variant]")
@click.option("--json", "as_json", is_flag=True, help="Write the reports as JSON to stdout.")
def verify(bundle: Path, variant: str | None, as_json: bool) -> None:
    """Check that this machine computes what the converting machine computed.

    BUNDLE is a bundle's folder, a stored model's name if it has one bundle, or NAME/TARGET. It contains golden photos
    and the scores or boxes that each variant gave for them on the converting machine. This command replays them with
    the code that `edgetl run` uses, compares the results, and checks the SHA-256 of every file. Run it once on the
    device after copying the bundle, and after every update of the device's system.

    The replay uses the same pixels on every machine. `edgetl run` resizes frames faster; the report also says how far
    this machine's fast resizing differs from exact resizing. One level of 255 on some of the values is normal on any
    machine, including the converting one.

    A variant whose runtime, TFLite or OpenVINO, is not installed on this machine is reported as skipped.

    Exits with 5 if a variant's file is damaged or its scores or boxes drifted, and names the variant.

    \b
    Examples:
      edgetl verify bundle
      edgetl verify bundle --variant float32 --json
    """
    import json

    from edgetl import api
    from edgetl.device.verify.replay import require_all_ok
    from edgetl.device.verify.resampling import compare_pixels, require_same_pixels
    from edgetl.find_bundle import find_bundle

    bundle = find_bundle(bundle)
    reports = api.verify(bundle, variant)
    readable = any(report.photos for report in reports)
    pixels = [compare_pixels(bundle)] if readable else []
    if as_json:
        rows = [report.to_dict() for report in reports] + [report.to_dict() for report in pixels]
        echo(json.dumps(rows, indent=2))
    else:
        echo("\n".join(map(str, [*reports, *pixels])), err=True)
    require_all_ok(reports, bundle)
    for report in pixels:
        require_same_pixels(report, bundle)

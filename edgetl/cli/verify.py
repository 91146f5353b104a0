"""`edgetl verify`: the golden replay."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.echo import echo


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", help="Replay this one only.  [default: every variant]")
@click.option("--json", "as_json", is_flag=True, help="Write the reports as JSON to stdout.")
def verify(bundle: Path, variant: str | None, as_json: bool) -> None:
    """Prove that this machine sees what the converting one saw.

    BUNDLE is a bundle's folder, or a stored model's name, for its only bundle, or NAME/TARGET. It carries golden photos
    with the scores, or the boxes, that each variant gave for them where it was converted. They are replayed here,
    through the code that `edgetl run` uses, and compared; every file's SHA-256 is checked on the way. Do it once on the
    device after copying, and after every update of its system.
    The pixels that go into the replay are the same on every machine. How far this machine's fast resizing, which
    `edgetl run` uses, differs from exact resizing is printed beside them: one level of 255 on some of the values is
    normal on any machine, the converting one included.

    A variant that this machine has no runtime for, be it TFLite's or OpenVINO's, is skipped, and that is said.

    Exits with 5 where a variant's file is damaged or its scores or boxes drifted, naming the variant.

    \b
    Examples:
      edgetl verify bundle
      edgetl verify bundle --variant float32 --json
    """
    import json

    from edgetl.device.verify import replay as golden
    from edgetl.device.verify import resampling
    from edgetl.find_bundle import find_bundle

    bundle = find_bundle(bundle)
    reports = golden.verify(bundle, variant)
    readable = any(report.photos for report in reports)
    seen = [resampling.compare_pixels(bundle)] if readable else []
    if as_json:
        told = [report.to_dict() for report in reports] + [report.to_dict() for report in seen]
        echo(json.dumps(told, indent=2))
    else:
        echo("\n".join(map(str, [*reports, *seen])), err=True)
    golden.require(reports, bundle)
    for report in seen:
        resampling.require(report, bundle)

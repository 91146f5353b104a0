"""`edgetl cameras`."""

from __future__ import annotations

import click

from edgetl.cli.echo import echo


@click.command()
def cameras() -> None:
    """List the cameras attached to this machine, each with its value for `edgetl run --source`.

    \b
      edgetl cameras
      edgetl run bundle --source 0 --size 1280x720
    """
    from edgetl.device.camera.discover import csi_remedy, list_cameras, none_found

    found = list_cameras()
    for camera in found:
        echo(f"--source {camera.source}  {camera.name}".rstrip())
        link = camera.link and f"or --source {camera.link}, which stays the same after unplugging"
        for line in (link, *camera.formats, camera.problem):
            if line:
                echo(f"    {line}")
    if not found:
        echo(none_found(), err=True)
    if remedy := csi_remedy():
        echo(f"a Raspberry Pi's own camera needs picamera2: {remedy}", err=True)

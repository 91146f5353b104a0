"""`edgetl release`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.run_options import TakesRunOptions, run_options


@click.command(cls=TakesRunOptions, options_metavar="[OPTIONS]")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The tar file to write.")
@click.option("--python", default="3.11", show_default=True, help="Version of the devices' Python.")
@click.option(
    "--arch",
    type=click.Choice(["aarch64", "x86_64"]),
    default="aarch64",
    show_default=True,
    help="Architecture of the devices.",
)
@click.option("--glibc", default="2.36", show_default=True, help="Version of the devices' C library.")
@click.option("--renew", is_flag=True, help="Download the newest packages, even if earlier ones are kept here.")
def release(bundle: Path, output: Path, python: str, arch: str, glibc: str, renew: bool) -> None:
    """Write BUNDLE with everything that a device needs into one file, for Ansible, Mender or balena.

    The tar file holds the same release that `edgetl deploy` makes, all wheels, and an install.sh, which installs,
    proves, switches and watches on the device, without internet. The defaults are those of the 64-bit Raspberry Pi OS
    Bookworm; for Trixie name Python 3.13 and glibc 2.41. Options of `edgetl run` stand after a --. Files with secrets
    are not in the tar file; the command says where each device must have them.

    \b
      edgetl release parts -o release.tar -- --source 0 --serve 8080
      edgetl release parts -o trixie.tar --python 3.13 --glibc 2.41 -- --wait
    """
    from edgetl.host.deploy.device_platform import DevicePlatform
    from edgetl.host.deploy.job import build_release

    platform = DevicePlatform(python, arch, f"glibc {glibc}")
    build_release(bundle, output, run_options(), platform=platform, renew=renew)

"""`edgetl bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.bar import Bar
from edgetl.cli.echo import echo
from edgetl.cli.option_types import Share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgetl.device.measure.bench import Candidate, Measured, Sustained
    from edgetl.vision.arrays import Image


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", help="Of the bundle.  [default: the chosen one]")
@click.option("--compare-runtimes", is_flag=True, help="Measure every variant, in turn.")
@click.option(
    "--threads", type=click.IntRange(min=1), multiple=True, help="Repeat it to sweep.  [default: the target's number]"
)
@click.option("--seconds", type=click.FloatRange(min=0), default=5.0, show_default=True, help="For each of them.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Then go on so long, and watch clock and temperature.")
@click.option(
    "--frame", type=click.Path(path_type=Path), metavar="PHOTO", help="To look at.  [default: the golden photos]"
)
@click.option("--labels", type=click.Path(path_type=Path), metavar="FILE", help="For a file that has none inside.")
@click.option("--json", "document", metavar="FILE|-", help="Write pytest-benchmark's JSON; - writes to stdout.")
@click.option(
    "--compare", type=click.Path(path_type=Path), metavar="BASE.json", help="An earlier --json to compare with."
)
@click.option("--fail-over", type=Share(), default="10%", show_default=True, help="Growth that --compare allows.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="OUT.png", help="Draw it. Needs the extra `train`.")
def bench(
    bundle: Path,
    variant: str | None,
    compare_runtimes: bool,
    threads: tuple[int, ...],
    seconds: float,
    minutes: float | None,
    frame: Path | None,
    labels: Path | None,
    document: str | None,
    compare: Path | None,
    fail_over: float,
    plot: Path | None,
) -> None:
    """Measure how fast a model is on this machine.

    BUNDLE is a bundle's folder; or a stored model's name, for its only bundle, or NAME/TARGET; or a .tflite or .xml
    file. Frames of 640 x 480 go through preprocessing, the network and decoding, as they do in `edgetl run`; the first
    ones are not counted.

    Exits with 5 where --compare finds that a frame takes much longer than before, or where this machine is the bundle's
    target and its budget is not kept.

    \b
      edgetl bench bundle
      edgetl bench bundle --compare-runtimes --threads 1 --threads 2
      edgetl bench bundle --minutes 10 --plot heat.png
      edgetl bench bundle --json before.json
      edgetl bench bundle --compare before.json --fail-over 10%
    """
    from edgetl.device.measure import bench as benchmark
    from edgetl.device.measure import bench_report as report
    from edgetl.device.measure.machine import Machine
    from edgetl.find_bundle import find_bundle
    from edgetl.text import about
    from edgetl.vision.photo import read_photo

    bundle, machine = find_bundle(bundle), Machine.here()
    before = report.medians(compare) if compare else {}  # before anything is measured, or replaces it
    wanted = benchmark.candidates(bundle, variant, threads, every=compare_runtimes)
    frames = benchmark.frames_of(bundle, read_photo(frame) if frame else None)
    whole = len(wanted) * seconds + 60 * (minutes or 0)
    took = f"; this takes {about(whole)}" if whole > 60 else ""
    echo(f"{machine}\n{len(wanted)} x {seconds:g} s, frames of 640 x 480{took}", err=True)
    with Bar() as bar:
        measured = benchmark.measure(bundle, wanted, frames, seconds, labels, bar)
    peak = benchmark.peak_rss_mb()
    echo(report.table(measured) + ("" if peak is None else f"\npeak memory {peak:.0f} MB"), err=document == "-")
    rows = _sustain(bundle, wanted, frames, minutes, labels)
    extra: dict[str, object] = {"peak_rss_mb": benchmark.peak_rss_mb(), "sustained": [row.to_dict() for row in rows]}
    told = report.to_json(benchmark.name_of(bundle), measured, machine, extra)
    if document:
        echo(told, nl=False) if document == "-" else report.write_json(Path(document), told)
    if plot:
        _draw(plot, measured, rows)
    if compare:
        changes = report.compare(told, before, compare)
        echo("\n".join(map(str, changes)), err=True)
        report.require(changes, fail_over, compare)
    report.require_budget(bundle, measured, machine)


def _sustain(
    bundle: Path, wanted: Sequence[Candidate], frames: Sequence[Image], minutes: float | None, labels: Path | None
) -> list[Sustained]:
    from edgetl.device.measure.bench import sustain

    if not minutes:
        return []
    echo(f"{wanted[0]} for {minutes:g} minutes without a pause\n{'p50 ms':>20}{'p95 ms':>9}", err=True)
    rows = []
    for row in sustain(bundle, wanted[0], frames, minutes, labels):
        echo(str(row), err=True)
        rows.append(row)
    return rows


def _draw(path: Path, measured: Sequence[Measured], rows: Sequence[Sustained]) -> None:
    from edgetl.errors import EdgetlError
    from edgetl.install import install_command

    try:
        from edgetl.host.report.latency_figure import draw
    except ModuleNotFoundError as error:
        remedy = f"{install_command('train')}; or draw the file of --json elsewhere"
        raise EdgetlError(f"{error.name} is not installed, which draws", where="--plot", remedy=remedy) from error
    draw(path, measured, rows)

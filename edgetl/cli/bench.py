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

    from edgetl.device.measure.bench import Candidate, Measured
    from edgetl.device.measure.sustain import Sustained
    from edgetl.vision.arrays import Image


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", help="The bundle's variant to measure.  [default: the chosen one]")
@click.option("--compare-runtimes", is_flag=True, help="Measure every variant of the bundle, in turn.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    multiple=True,
    help="Number of threads; may be repeated.  [default: the target's number]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Time for each variant and number of threads.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0), help="Then run the model this long, and report clock and temperature."
)
@click.option(
    "--frame",
    type=click.Path(path_type=Path),
    metavar="PHOTO",
    help="A photo to measure with.  [default: the golden photos]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A text file with one label a line, for a model file without labels.",
)
@click.option("--json", "document", metavar="FILE|-", help="Write JSON in pytest-benchmark's form; - writes to stdout.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="BASE.json",
    help="The file of an earlier --json to compare with.",
)
@click.option(
    "--fail-over", type=Share(), default="10%", show_default=True, help="The growth of the time that --compare allows."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help="Draw the measurement; needs the extra `train`.",
)
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

    BUNDLE is a bundle's folder, a stored model's name if it has one bundle, NAME/TARGET, or a .tflite or .xml file.
    Frames of 640 x 480 go through preprocessing, the network and decoding, as in `edgetl run`, after a warm-up.

    Exits with 5 if --compare finds that a frame takes much longer than before, or if this machine is the bundle's
    target and the bundle exceeds the target's budget.

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
    before = report.medians(compare) if compare else {}  # read first: --json may replace the file
    candidates = benchmark.candidates(bundle, variant, threads, every=compare_runtimes)
    frames = benchmark.frames_of(bundle, read_photo(frame) if frame else None)
    whole = len(candidates) * seconds + 60 * (minutes or 0)
    estimate = f"; this takes {about(whole)}" if whole > 60 else ""
    echo(f"{machine}\n{len(candidates)} x {seconds:g} s, frames of 640 x 480{estimate}", err=True)
    with Bar() as bar:
        measured = benchmark.measure(bundle, candidates, frames, seconds, labels, bar)
    peak = benchmark.peak_rss_mb()
    echo(report.latency_table(measured) + ("" if peak is None else f"\npeak memory {peak:.0f} MB"), err=document == "-")
    rows = _sustain(bundle, candidates[0], frames, minutes, labels)
    extra: dict[str, object] = {"peak_rss_mb": benchmark.peak_rss_mb(), "sustained": [row.to_dict() for row in rows]}
    text = report.to_json(benchmark.name_of(bundle), measured, machine, extra)
    if document:
        echo(text, nl=False) if document == "-" else report.write_json(Path(document), text)
    if plot:
        _draw(plot, measured, rows)
    if compare:
        changes = report.compare_medians(text, before, compare)
        echo("\n".join(map(str, changes)), err=True)
        report.require_no_growth(changes, fail_over, compare)
    report.require_budget(bundle, measured, machine)


def _sustain(
    bundle: Path, candidate: Candidate, frames: Sequence[Image], minutes: float | None, labels: Path | None
) -> list[Sustained]:
    """Runs a candidate for some minutes, printing each row; returns the rows, none if `minutes` is None or 0."""
    from edgetl.device.measure.sustain import sustain

    if not minutes:
        return []
    echo(f"{candidate} for {minutes:g} minutes without a pause\n{'p50 ms':>20}{'p95 ms':>9}", err=True)
    rows = []
    for row in sustain(bundle, candidate, frames, minutes, labels):
        echo(str(row), err=True)
        rows.append(row)
    return rows


def _draw(path: Path, measured: Sequence[Measured], rows: Sequence[Sustained]) -> None:
    from edgetl.errors import EdgetlError
    from edgetl.install import install_command

    try:
        from edgetl.host.report.latency_figure import draw
    except ModuleNotFoundError as error:
        remedy = f"{install_command('train')}; or draw the file of --json on another machine"
        raise EdgetlError(f"{error.name}, which draws, is not installed", where="--plot", remedy=remedy) from error
    draw(path, measured, rows)

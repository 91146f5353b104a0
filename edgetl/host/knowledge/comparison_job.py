"""Compares ways to train on a data set within a time, and goes on where an interrupted comparison stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from edgetl.argument_types import object_argument
from edgetl.errors import UsageError
from edgetl.files import friendly_os_errors, remove_leftovers
from edgetl.host.console import console, optional, result, warn
from edgetl.host.knowledge.comparison import Comparison
from edgetl.host.knowledge.comparison_answer import answer_of
from edgetl.host.knowledge.comparison_file import ComparisonFile, Run, Settings
from edgetl.host.knowledge.comparison_levels import levels_of
from edgetl.host.knowledge.comparison_options import CompareOptions
from edgetl.host.knowledge.comparison_plan import (
    Plan,
    PlannedRun,
    Speed,
    Way,
    choose_length,
)
from edgetl.host.knowledge.comparison_progress import TimeBar
from edgetl.host.knowledge.comparison_report import write_comparison_report
from edgetl.host.knowledge.comparison_runs import Base, learning_speed, make_run
from edgetl.host.knowledge.comparison_ways import ways_of
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import check_options, resolve_input
from edgetl.host.train.task import detect_task, open_task
from edgetl.host.train.weights.source import open_source
from edgetl.locks import named_lock
from edgetl.text import about, counted

_RUNS, _REPORT = "runs.jsonl", "report.html"


def compare(options: CompareOptions, *, restart: bool = False) -> Comparison:
    """Trains in several ways with several numbers of photos, until the time is over, and says what that has shown.

    Args:
        options: the options as the user stated them.
        restart: whether the runs of an earlier comparison in that folder are discarded.

    Raises:
        UsageError: an option isn't valid, or an earlier comparison in that folder has others.
        BusyError: another process compares in that folder.
        DatasetError: the photos can't be used, or have changed since the comparison began.
        EdgetlError: weights can't be read or downloaded, or the disk is full.
    """
    ends = time.monotonic() + 60 * object_argument(options, CompareOptions, "options").minutes
    place = options.place
    earlier = None if restart else ComparisonFile.load(place / _RUNS)
    base = _load(_with_earlier_default(options, earlier))
    if earlier:
        earlier.require_same(_settings(base))  # before a ranking takes its time
    ways = ways_of(base, options.weights)
    with _only_comparison_in(place):
        remove_leftovers(place)  # of a killed run
        if restart:
            (place / _RUNS).unlink(missing_ok=True)
        file = _open_file(place / _RUNS, base, ways, options)
        plan = Plan(file.settings, levels_of(base.classes), ways, base.schedule)
        with _answering(options, plan, file):
            _make_runs(base, plan, file, ends, place)
    return answer_of(options.data, plan, file, place / _REPORT)


def _with_earlier_default(options: CompareOptions, earlier: ComparisonFile | None) -> CompareOptions:
    """Replaces the default start `auto` by the one that it stood for when the comparison in that folder began.

    A download that works now and failed then, or the other way round, would otherwise change the default.

    Args:
        options: the options as the user stated them.
        earlier: the comparison in that folder; None if there is none.
    """
    if options.default == "auto" and earlier and earlier.settings.default in ("imagenet", "starter"):
        return replace(options, default=earlier.settings.default)
    return options


def _load(options: CompareOptions) -> Base:
    """Loads the photos, and resolves the default start."""
    stated = TrainOptions(
        data=options.data,
        name="comparison",
        weights=options.default,
        backbone=options.backbone,
        alpha=options.alpha,
        size=options.size,
    )
    if stated.weights in ("none", "best"):
        what = f"the default start can't be {stated.weights}, which is compared with it"
        raise UsageError(what, where="--default", remedy="give weights that were trained, or leave it out")
    source = open_source(stated.weights)
    check_options(stated, source)
    task = detect_task(Path(options.data))
    training = open_task(task).load(stated, source, resolve_input(stated, source, task))
    return Base(stated, training, options.place)


@contextmanager
def _only_comparison_in(place: Path) -> Iterator[None]:
    """Makes the folder, and holds its lock."""
    remedy = "wait until it ends, or give another --folder"
    with ExitStack() as stack:
        with friendly_os_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            lock = named_lock(place / ".comparison.edgetl-lock", "this comparison is being run", remedy)
            stack.enter_context(lock)
        yield


def _open_file(path: Path, base: Base, ways: list[Way], options: CompareOptions) -> ComparisonFile:
    """Opens the file of an earlier comparison that goes on, or begins a new one."""
    earlier = ComparisonFile.load(path)
    known = _settings(base)
    if earlier:
        earlier.require_same(known)
        console.print(f"going on after {counted(len(earlier.runs), 'run')} in {path.parent}")
        return earlier
    speed = Speed(learning_speed(base), known.task == "detection", known.validation)
    shown, first = choose_length(levels_of(base.classes), ways, base.schedule, 60 * options.minutes, speed)
    return ComparisonFile(path, _settings(base, speed.learned, shown, first))


def _settings(base: Base, speed: float = 0.0, shown: int = 0, first_levels: int = 0) -> Settings:
    training, info = base.training, base.training.data
    network = training.options
    return Settings(
        data=info.fingerprint,
        split=info.split,
        task=base.task,
        backbone=network.backbone,
        alpha=network.alpha,
        size=network.size,
        default=network.weights,
        classes=len(training.dataset.labels),
        train=len(training.dataset.train),
        validation=len(training.dataset.val),
        speed=speed,
        shown=shown,
        first_levels=first_levels,
    )


def _make_runs(base: Base, plan: Plan, file: ComparisonFile, ends: float, place: Path) -> None:
    """Makes runs until the time or the plan is over; the report is up to date after each."""
    finished: list[tuple[PlannedRun, float]] = []
    console.print(f"{base.training.describe()}; {plan.describe()}")
    for warning in base.training.warnings:
        warn(warning)
    with TimeBar(ends) as bar:
        while (planned := plan.next(file.runs, finished, ends - time.monotonic())) is not None:
            with bar.inside(planned.describe()):
                run = make_run(base, planned)
            file.add(run)
            finished.append((planned, run.seconds))
            console.print(_line(planned, run, ends - time.monotonic()))
            _write_report(base.options.data, plan, file, place)
    _write_report(base.options.data, plan, file, place)


def _write_report(data: str, plan: Plan, file: ComparisonFile, place: Path) -> None:
    with optional("the report", place / _REPORT):
        write_comparison_report(answer_of(data, plan, file, place / _REPORT), file.runs)


def _line(planned: PlannedRun, run: Run, left: float) -> str:
    rest = f"{about(left).removeprefix('about ')} left" if left > 0 else "the time is over"
    return f"  {planned.describe():<44} {run.figure:>6.1%}  {run.seconds:>4.0f} s  {rest}"


@contextmanager
def _answering(options: CompareOptions, plan: Plan, file: ComparisonFile) -> Iterator[None]:
    """Prints the answer at the end of the block, also if it is interrupted, and names the command that goes on."""
    try:
        yield
    except BaseException as error:
        if file.runs:
            _print_answer(options, plan, file)
            kept = counted(len(file.runs), "finished run")
            error.add_note(f"the comparison keeps {kept}; the same command goes on")
        raise
    _print_answer(options, plan, file)


def _print_answer(options: CompareOptions, plan: Plan, file: ComparisonFile) -> None:
    answer = answer_of(options.data, plan, file, options.place / _REPORT)
    for sentence in answer.sentences:
        result(sentence)
    more = "" if answer.finished >= answer.planned else "; the same command goes on with the others"
    console.print(f"{answer.finished} of {answer.planned} runs{more}")
    console.print(f"report  {answer.report}")

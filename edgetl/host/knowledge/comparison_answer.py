"""Puts the result of a comparison together from its finished runs."""

from __future__ import annotations

from pathlib import Path

from edgetl.host.knowledge.comparison import ComparedPoint, Comparison
from edgetl.host.knowledge.comparison_estimates import estimate_curve
from edgetl.host.knowledge.comparison_file import ComparisonFile
from edgetl.host.knowledge.comparison_plan import DEFAULT, HEAD, RANDOM, Plan
from edgetl.host.knowledge.comparison_sentences import Answer


def answer_of(data: str, plan: Plan, file: ComparisonFile, report: Path) -> Comparison:
    """Returns what a comparison has measured so far.

    Args:
        data: the folder of the photos.
        plan: the runs to make; the file may also have runs of starts that are no longer in it.
        file: the finished runs.
        report: the HTML report.
    """
    settings, runs = file.settings, file.runs
    names = list(dict.fromkeys([*(way.name for way in plan.ways), *(run.way for run in runs)]))
    starts = [name for name in names if name not in (RANDOM, HEAD, DEFAULT)]
    known = {(run.way, run.photos, run.seed) for run in runs}
    return Comparison(
        data=data,
        figure="mAP50" if settings.task == "detection" else "top-1",
        default=settings.default,
        network=f"{settings.backbone} {settings.alpha:g} at {settings.size} px",
        classes=settings.classes,
        train=settings.train,
        validation=settings.validation,
        curves={name: _curve(name, file) for name in names},
        sentences=tuple(Answer(settings, plan.levels, starts, runs).sentences()),
        finished=len(runs),
        planned=len(known | {run.key for run in plan.runs}),
        seconds=round(sum(run.seconds for run in runs), 1),
        processor=round(sum(run.processor for run in runs), 1),
        report=report,
    )


def _curve(way: str, file: ComparisonFile) -> tuple[ComparedPoint, ...]:
    own = [run for run in file.runs if run.way == way]
    points = []
    for photos, estimate in estimate_curve(file.runs, way, file.settings.validation).items():
        runs = [run for run in own if run.photos == photos]
        ends = (estimate.mean, estimate.low, estimate.high)
        points.append(ComparedPoint(photos, len(runs), runs[0].epochs, runs[0].full_epochs, *ends))
    return tuple(points)

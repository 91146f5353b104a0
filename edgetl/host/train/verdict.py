"""Gives a plain verdict on a trained model: what it is good enough for, and the one thing to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgetl.host.evaluate.classifier_tables import ThresholdRow, threshold_rows
from edgetl.host.evaluate.detector_tables import DetectorRow
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.report.review_sentences import HARDLY, classes_that_gain
from edgetl.host.report.training_run import Verdict
from edgetl.host.train.advice import WIDE, Facts
from edgetl.text import counted, listed

_ALONE = 0.95
"""A model that is right at least this often, 0..1, can act without anyone who checks each answer."""
_ASSIST = 0.8
"""A model that is right at least this often, 0..1, is useful where its answers are checked or repeated."""
_ROUGH = 0.5
"""A model that is right less often than this, 0..1, is no help."""
_HARDLY_WRONG = 0.005
"""If certainly fewer of the answers than this are wrong, 0..1, their exact share isn't named."""
_LEAST_ANSWERED = 0.3
"""A display threshold that answers fewer of the photos than this, 0..1, isn't worth mentioning."""
_LEAST_PHOTOS = 50
"""The share of right answers at a display threshold is a guess if there are fewer validation photos than this."""
_MANY_WRONG = 0.01
"""Clearly wrong labels are the first thing to look at if at least this share of the photos has one, 0..1."""


def judge_classifier(facts: Facts, evaluation: Evaluation) -> Verdict:
    """Returns the verdict on a classifier; what it is good enough for follows from the lower end of its interval.

    Args:
        facts: the facts about the training.
        evaluation: the evaluation of the model on the validation photos.
    """
    commonest = float(np.bincount(evaluation.truth).max()) / len(evaluation.truth)
    guess = f"better than always answering with the commonest class ({commonest:.0%})."
    if facts.value <= commonest:
        return Verdict(f"Not usable yet: it is not {guess}", _next_step(facts))
    least = facts.interval[0]
    if least <= commonest:
        unproven = f"Not proven yet: there are too few validation photos to tell whether it is {guess}"
        return Verdict(unproven, _next_step(facts))
    return Verdict(f"{_use(least)}: {_wrong_answers(facts)}.{_with_threshold(facts, evaluation)}", _next_step(facts))


def judge_detector(facts: Facts, rows: Sequence[DetectorRow]) -> Verdict:
    """Returns the verdict on a detector.

    Args:
        facts: the facts about the training.
        rows: the figures of each class at its display threshold.
    """
    known = [row for row in rows if row.boxes]
    boxes = sum(row.boxes for row in known)
    recall = sum(row.recall * row.boxes for row in known) / max(1, boxes)
    if not recall:
        return Verdict("Not usable yet: at its display thresholds it finds nothing.", _next_step(facts))
    right = [row for row in known if not math.isnan(row.precision)]
    precision = sum(row.precision * row.boxes for row in right) / sum(row.boxes for row in right)
    figures = f"it finds {recall:.0%} of the objects, and about {precision:.0%} of its boxes are right"
    return Verdict(f"{_use(min(precision, recall))}: at its display thresholds {figures}.", _next_step(facts))


def _use(share: float) -> str:
    """Returns what a model is good enough for that is right in a share of cases, 0..1."""
    if share >= _ALONE:
        return "Good enough to act on its own"
    if share >= _ASSIST:
        return "Good enough to assist, where a person or several frames confirm an answer"
    return "Good enough for a rough sorting that a person checks" if share >= _ROUGH else "Not good enough to use yet"


def _wrong_answers(facts: Facts) -> str:
    """Returns how many answers are wrong, and how many may be if there are few validation photos."""
    largest = 1 - facts.interval[0]
    if largest < _HARDLY_WRONG:
        return f"fewer than 1 answer in {1 / _HARDLY_WRONG:.0f} is wrong"
    most = f"up to {largest:.1%}"
    if facts.value == 1:
        return f"it recognised all {facts.photos} validation photos, but {most} of its answers to others may be wrong"
    wrong = f"{_one_in(1 - facts.value)} is wrong"
    return f"{wrong}, but {most} may be" if facts.interval[1] - facts.interval[0] > WIDE else wrong


def _one_in(wrong: float) -> str:
    return f"about 1 answer in {round(1 / wrong)}" if wrong < 0.4 else f"{wrong:.0%} of the answers"


def _with_threshold(facts: Facts, evaluation: Evaluation) -> str:
    """Returns a sentence on the lowest display threshold with which the model can act on its own."""
    if facts.value >= _ALONE or facts.photos < _LEAST_PHOTOS:
        return ""
    row = _lowest(threshold_rows(evaluation))
    if row is None:
        return ""
    return (
        f" With a display threshold of {row.threshold:g} it answers for {row.answered:.0%} of the photos, and "
        f"{row.right:.0%} of these answers are right."
    )


def _lowest(rows: Sequence[ThresholdRow]) -> ThresholdRow | None:
    return next((row for row in rows if row.right >= _ALONE and row.answered >= _LEAST_ANSWERED), None)


def _next_step(facts: Facts) -> str:
    """Returns the first step that applies, in the order of what costs least for what it brings."""
    steps = (_check_labels(facts), _train_longer(facts), _take_photos(facts), _enlarge(facts), _hold_back(facts))
    return next((step for step in steps if step), "Convert it and try it on the device: `edgetl convert`.")


def _check_labels(facts: Facts) -> str:
    review = facts.review
    if review is None or review.clear < max(3, _MANY_WRONG * review.reviewed):
        return ""
    labels = f"{counted(review.clear, 'label')} {'looks' if review.clear == 1 else 'look'} clearly wrong"
    things = "boxes" if review.unit == "box" else "photos"
    return f"Check the first {things} of suspects.csv, correct the wrong labels, and train again: {labels}."


def _train_longer(facts: Facts) -> str:
    return "Train with more --epochs: the best epoch is one of the last." if facts.best_is_late else ""


def _take_photos(facts: Facts) -> str:
    gain = facts.gain
    if gain is None or facts.review is None:
        return "Take more photos, in other places and light." if facts.overfits else ""
    if gain.mean < HARDLY:
        return ""
    names = classes_that_gain(facts.review)
    which = f" of {listed(names)} first" if names else ""
    more = " of recall" if facts.review.unit == "box" else ""
    return f"Take more photos{which}: twice as many should bring about {100 * gain.mean:+.0f} points{more}."


def _enlarge(facts: Facts) -> str:
    return "Train a larger network: a larger --alpha or --size." if facts.learns_too_little else ""


def _hold_back(facts: Facts) -> str:
    if facts.interval[1] - facts.interval[0] <= WIDE:
        return ""
    return "Take more photos to validate with: the figure is too uncertain to compare trainings."

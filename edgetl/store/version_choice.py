"""Chooses the current one of two versions: the better one, if both were measured on the same photos."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgetl.card import ModelCard

FIGURES = {"classification": ("top1", "top-1"), "detection": ("map", "mAP")}
"""The figure that decides, for each task: its key among a card's metrics, and its name for people."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice between two versions.

    Attributes:
        newer: whether the newer version becomes the current one.
        reason: the rule and both figures, for people.
    """

    newer: bool
    reason: str


def choose(older: ModelCard, newer: ModelCard, names: tuple[str, str]) -> Choice:
    """Chooses the current one of two versions of a model.

    If both were measured on the same photos, the better one becomes current, or the newer one if they are equal.
    Otherwise their figures can't be compared, and the newer one becomes current.

    Args:
        older: card of the version that is current.
        newer: card of the version that was just made.
        names: references of the two, as `('parts@1', 'parts@2')`.
    """
    old, new = names
    figures = f"{old} {figure(older) or 'not measured'}, {new} {figure(newer) or 'not measured'}"
    why = _incomparable(older, newer)
    if why:
        return Choice(True, f"{figures}, {why}: the newer one, {new}, is current; {_command(old, 'goes back')}")
    same = f"{figures}, on the same {newer.dataset.val if newer.dataset else 0} held-back photos"
    before, after = _value(older), _value(newer)
    if after >= before:
        better = "better" if after > before else "newer of two equal ones"
        return Choice(True, f"{same}: the {better}, {new}, is current; {_command(old, 'goes back')}")
    return Choice(False, f"{same}: the better one, {old}, stays current; {_command(new, 'takes the new one')}")


def figure(card: ModelCard) -> str:
    """Returns the figure that decides, for people; an empty text if the card has none.

    Args:
        card: card of the version.
    """
    key, name = FIGURES[card.task]
    if key not in card.metrics:
        return ""
    return f"{name} {card.metrics[key]:.1%}" if card.task == "classification" else f"{name} {card.metrics[key]:.3f}"


def _value(card: ModelCard) -> float:
    return card.metrics.get(FIGURES[card.task][0], math.nan)


def _command(name: str, effect: str) -> str:
    return f"`edgetl models use {name}` {effect}"


def _incomparable(older: ModelCard, newer: ModelCard) -> str:
    """Returns why two figures can't be compared; an empty text if they can."""
    if older.task != newer.task:
        return "of different tasks"
    if set(older.labels) != set(newer.labels):
        return "with different classes"
    splits = [card.dataset.split if card.dataset else "" for card in (older, newer)]
    if splits[0] != splits[1] or not splits[0]:
        return "on different photos"
    return "" if all(math.isfinite(_value(card)) for card in (older, newer)) else "not both measured"

"""Reports the steps of a deployment, those of this machine and those that the device tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgetl.progress import current
from edgetl.text import printable


def report_step(name: str, text: str) -> None:
    """Reports a step.

    Args:
        name: the step's name: check, copy, install, verify, tune, switch or watch.
        text: what was done or found, in one line.
    """
    if receiver := current():
        receiver.message(f"{name:<8} {text}")


def report_steps(rows: Iterable[Mapping[str, object]]) -> Mapping[str, object]:
    """Reports the steps that a device tells.

    Args:
        rows: the device's answers.

    Returns:
        The last answer, which is the result.
    """
    last: Mapping[str, object] = {}
    for last in rows:
        if "step" in last:
            report_step(printable(last["step"]), printable(last.get("text", "")))
    return last


def size_text(count: int) -> str:
    """Returns an amount of data for people.

    Args:
        count: the number of bytes.
    """
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"

"""Reports the steps of a deployment: a line of JSON each for the workstation, and a line each in `deploy.log`."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

from edgetl.device.release.device_lock import now
from edgetl.text import printable


class DeployLog:
    """The two places that a deployment's steps are written to.

    Neither may stop a deployment: a lost connection and a full disk are ignored.

    Args:
        root: the folder `~/edgetl`.
    """

    def __init__(self, root: Path) -> None:
        self._file = root / "deploy.log"

    def step(self, step: str, text: str, **more: object) -> None:
        """Writes what a step has come to.

        Args:
            step: the step's name, e.g. `verify`.
            text: the sentence for the user.
            more: further JSON-ready values for the workstation alone.
        """
        self.note(step, text)
        self.answer({"step": step, "text": text, **more})

    def note(self, step: str, text: str) -> None:
        """Writes a line into `deploy.log` alone.

        Args:
            step: the step's name.
            text: the sentence.
        """
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(printable(f"{now()} {step}: {text}") + "\n")

    def answer(self, document: dict[str, object]) -> None:
        """Writes a line of JSON to stdout alone.

        Args:
            document: the JSON-ready values.
        """
        with suppress(OSError, ValueError):  # a closed stream raises the second
            sys.stdout.write(json.dumps(document) + "\n")
            sys.stdout.flush()

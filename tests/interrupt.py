"""Ctrl-C in the middle of a training."""

from __future__ import annotations

import pytest


def interrupt_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Interrupts at a step of the stage that trains the whole network, counted over its epochs."""
    from edgetl.host.train import stage

    seen: list[None] = []
    real = stage.Stage._step

    def interrupted(self, batch):
        logs = real(self, batch)
        if self.model.name == "learner":
            seen.append(None)
            if len(seen) == step:
                raise KeyboardInterrupt
        return logs

    patch.setattr(stage.Stage, "_step", interrupted)

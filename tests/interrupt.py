"""Ctrl-C in the middle of a training."""

from __future__ import annotations

import pytest


def interrupt_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Interrupts at a step of the stage that trains the whole network, counted over its epochs."""
    from edgetl.host.train import stage

    seen: list[int] = []

    class Interrupted(stage._Bar):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if self.model.name == "learner":
                seen.append(batch)
                if len(seen) == step:
                    raise KeyboardInterrupt

    patch.setattr(stage, "_Bar", Interrupted)

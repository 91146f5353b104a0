"""Checkpoints of earlier versions are read."""

from __future__ import annotations

import json

import numpy as np

from edgetl.host.train.checkpoint import Checkpoint

EARLIER = {
    "data": "1234",
    "stage": "finetune",
    "epoch": 2,
    "best_epoch": 1,
    "best": [0.5, -0.7],
    "highest": 0.5,
    "kept": 3,
    "done": ["head"],
    "rows": [{"stage": "head", "epoch": 1, "loss": 0.9}],
}


def test_a_checkpoint_that_calls_the_best_row_kept_is_read(tmp_path):
    np.savez(tmp_path / "checkpoint.npz", state=np.array(json.dumps(EARLIER)))
    checkpoint = Checkpoint(tmp_path)
    checkpoint.load()
    assert (checkpoint.state.best_row, checkpoint.state.best) == (3, (0.5, -0.7))
    assert (checkpoint.state.done, checkpoint.state.rows) == (["head"], EARLIER["rows"])

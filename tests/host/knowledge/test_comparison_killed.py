"""A comparison that is killed at any moment keeps its finished runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from homes import draw_folders, edgetl

OPTIONS = ("--default", "starter", "--size", "96")


@pytest.mark.slow
def test_a_killed_comparison_keeps_its_runs_and_goes_on(empty_home):
    draw_folders(empty_home.photos, 8)
    runs = empty_home.folder / "comparisons" / "photos" / "runs.jsonl"
    before = 1
    assert edgetl("compare", "photos", *OPTIONS, "--minutes", "0.0001").code == 0  # the runs will be short
    for least in (2, 3):
        command = [sys.executable, "-m", "edgetl", "compare", "photos", *OPTIONS, "--minutes", "60"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and (not runs.exists() or len(runs.read_text().splitlines()) < 1 + least):
                time.sleep(0.1)
            assert process.poll() is None
            time.sleep(0.3 * least)
            process.kill()
        done = edgetl("compare", "photos", *OPTIONS, "--minutes", "0.0001", "--json")
        assert done.code == 0, done.err
        finished = json.loads(done.out)["finished"]
        assert finished >= max(least, before)
        before = finished
    assert sorted(path.name for path in runs.parent.iterdir()) == ["report.html", "runs.jsonl"]

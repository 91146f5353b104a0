"""Every parser of an annotation that a user can edit ends in a report or in an EdgetlError."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from annotation_mutants import SEEDS, check_mutants

ENDS = {"refused", "unusable", "usable"}


@pytest.mark.parametrize("kind", SEEDS)
def test_mutants_are_read_or_refused(empty_home, kind):
    ends = check_mutants(kind, 60, empty_home.photos)
    assert ends["refused"]
    assert set(ends) <= ENDS


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_three_thousand_mutants_in_less_than_a_gigabyte(empty_home, kind):
    script = Path(__file__).with_name("annotation_mutants.py")
    done = subprocess.run(
        [sys.executable, script, kind, "3000", empty_home.photos], capture_output=True, text=True, timeout=600
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[1]) >= 3000
    assert "fills the screen" not in done.stdout
    assert int(done.stdout.split()[-2]) < 1024

"""What a device pays before the first frame: a Pi starts this after every power cut."""

from __future__ import annotations

import json
import subprocess
import sys

_START = """
import json, resource, sys, time
start = time.perf_counter()
from edgetl import Model
Model.open(sys.argv[1])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def test_importing_and_opening_a_bundle_is_quick_and_small(bundle):
    """The best of five starts: whatever else the machine does makes it slower, nothing makes it faster."""
    command = [sys.executable, "-c", _START, str(bundle)]
    starts = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(5)]
    assert min(start["seconds"] for start in starts) < 0.6
    assert max(start["mb"] for start in starts) < 130

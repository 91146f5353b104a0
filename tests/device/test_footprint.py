"""What a device pays before the first frame: a Pi starts this after every power cut."""

from __future__ import annotations

import json
import subprocess
import sys

_START = """
import json, sys, time
start = time.process_time()
from edgetl import Model
Model.open(sys.argv[1])
seconds = time.process_time() - start
# Not getrusage's: that begins with what the process had which this one was started from.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "mb": int(peak) / 1024}))
"""


def test_importing_and_opening_a_bundle_is_quick_and_small(bundle):
    """By the processor's time, which is all that a start waits for; the best of five."""
    command = [sys.executable, "-c", _START, str(bundle)]
    starts = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(5)]
    assert min(start["seconds"] for start in starts) < 0.6
    assert max(start["mb"] for start in starts) < 130

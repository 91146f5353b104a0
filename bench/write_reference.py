"""Keeps what every benchmark takes on this machine, to be read beside another's: bench/reference/<machine>.json.

    python bench/write_reference.py

Nothing is asserted on these figures: test_gate.py holds the ratios, which other machines share.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from edgetl.device.measure.machine import Machine

BENCH = Path(__file__).parent
STATS = ("min", "median", "q3")


def main() -> None:
    machine = Machine.here()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "pytest", "-q", "--benchmark-only", f"--benchmark-json={result}", str(BENCH)]
        if subprocess.run(command, check=False).returncode:
            sys.exit("a benchmark failed: nothing is written")
        rows = json.loads(result.read_text())["benchmarks"]
    microseconds = {
        row["fullname"].removeprefix("bench/"): {name: round(1e6 * row["stats"][name], 1) for name in STATS}
        for row in sorted(rows, key=lambda row: row["fullname"])
    }
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu} {machine.cores} cores".lower()).strip("-")
    path = BENCH / "reference" / f"{name}.json"
    path.write_text(json.dumps({"machine": asdict(machine), "microseconds": microseconds}, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()

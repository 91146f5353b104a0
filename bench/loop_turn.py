"""What one turn of the loop brings: accuracy under a second light, with collected photos and with photos drawn by lot.

    python bench/loop_turn.py
    python bench/loop_turn.py --seeds 1 2 3

For each seed a model is trained on drawn parts under two kinds of light, and runs on a film of parts under two others
with `--collect`. What it collected is pulled, labelled with the drawing's truth, and trained on together with the first
photos, from the first model; so are as many photos of the film drawn by lot. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from loop import Turn, turn


def row(name: str, made: Turn) -> str:
    """Returns a row of the table, with shares in percent."""
    figures = (made.before, made.collected, made.drawn, *made.first)
    return f"| {name} | {made.photos} | {made.random_photos} | " + " | ".join(f"{100 * f:.1f}" for f in figures) + " |"


def main() -> None:
    """Makes a turn for each seed and prints the table."""
    parser = argparse.ArgumentParser(description="what one turn of the loop brings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    made = []
    print("| seed | collected | random | before | after, collected | after, random | first light before | after |")
    print("|---|---|---|---|---|---|---|---|")
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["EDGETL_MODELS"], os.environ["EDGETL_CACHE"] = f"{folder}/models", f"{folder}/cache"
            made.append(turn(Path(folder) / "turn", seed))
        print(row(str(seed), made[-1]), flush=True)
    gains = [100 * (one.collected - one.before) for one in made]
    more = [100 * (one.collected - one.drawn) for one in made]
    for name, values in (("gain with collected photos", gains), ("more than with random ones", more)):
        print(f"{name}: median {statistics.median(values):.1f} points, {min(values):.1f} to {max(values):.1f}")


if __name__ == "__main__":
    main()

"""How old the results of a slow model are, against the loop that every tutorial has, at the same time.

    python bench/bounded_age.py --minutes 10

A camera in a process of its own numbers its pictures, thirty a second; the model needs 100 ms a frame. The age is taken
from the number in the picture, so it holds the network, the decoder and every queue. Ends with 1 where the 99th
percentile of edgetl's ages reaches 250 ms, or the last minute's is above the second's.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

LIMIT = 0.25


def main() -> int:
    from paced import ages

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--model-ms", type=float, default=100.0)
    given = parser.parse_args()
    ours, plain, summary = ages(60 * given.minutes, given.model_ms / 1000)
    print(f"{'':>10}{'results':>9}{'p50 s':>9}{'p99 s':>9}{'first tenth':>13}{'last tenth':>12}")
    for name, taken in (("edgetl", ours[5:]), ("plain", plain)):
        tenth = max(1, len(taken) // 10)
        p50, p99 = np.percentile(taken, (50, 99))
        print(
            f"{name:>10}{len(taken):>9}{p50:>9.3f}{p99:>9.3f}"
            f"{np.median(taken[:tenth]):>13.3f}{np.median(taken[-tenth:]):>12.3f}"
        )
    print(summary)
    tenth = max(1, len(ours) // 10)
    grown = np.median(ours[-tenth:]) - np.median(ours[5 : 5 + tenth])
    fine = np.percentile(ours[5:], 99) < LIMIT and grown < 0.05
    print("the age is bounded" if fine else f"the age is NOT bounded: p99 or growth ({grown:.3f} s) is too large")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

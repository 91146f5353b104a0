"""Reads the JSON Lines of a run and prints how often each label was seen, and every event.

edgetl run parts --source film.mp4 --jsonl - --quiet | python docs/examples/read_json_lines.py
"""

import json
import sys
from collections import Counter


def main() -> None:
    """Reads stdin line by line, as the run writes it."""
    seen: Counter[str] = Counter()
    oldest = 0.0
    for text in sys.stdin:
        line = json.loads(text)
        if "event" in line:
            print(f"{line['t']:8.2f} s  {line['event']}: {line['text']}")
            continue
        found = line.get("classes", line.get("objects", []))  # a classifier's classes, or a detector's objects
        seen.update(entry["label"] for entry in found)
        oldest = max(oldest, line["age_ms"])
    for label, count in seen.most_common():
        print(f"{count:6}  {label}")
    print(f"the oldest result was {oldest:.0f} ms old")


if __name__ == "__main__":
    main()

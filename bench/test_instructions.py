"""How much Python a frame takes: bytecode instructions, which no other work on the machine changes.

    pytest bench/test_instructions.py
    python bench/test_instructions.py       counts anew, and writes bench/reference/instructions.json

Time in OpenCV, NumPy and the runtime isn't in it: that is what test_gate.py is for.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import bench_models
import pytest
from hot_path import finding
from test_track import film

from edgetl import Model
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.stages import Timings
from edgetl.vision.track import Tracker

REFERENCE = Path(__file__).parent / "reference" / "instructions.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
KEPT: dict[str, dict[str, int]] = json.loads(REFERENCE.read_text())
ALLOWED = 0.1
"""Growth, a share: NumPy's own Python is in it, and changes from version to version."""


def instructions(call: Callable[[], object]) -> int:
    """Counts the instructions that a call executes in this thread, warm, whosever code it is."""
    call()
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., object]:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def work(classifier: Path, detector: Path, stack: ExitStack) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yields what is counted."""
    frame = bench_models.patches()
    model, boxes = (stack.enter_context(Model.open(path, threads=1)) for path in (classifier, detector))
    yield "frame to a label", lambda: model(frame)
    boxes.only = finding(boxes, frame, 10)
    yield "frame to 10 boxes", lambda: boxes(frame)
    lines, result, seen = stack.enter_context(JsonLines("/dev/null")), boxes(frame), iter(film(100))
    shown = Observation(Frame(frame, 1.5, 45), result, Timings(), 5.0)
    yield "10 boxes to a line of JSON", lambda: lines.write(shown)
    tracker = Tracker()
    for moment in range(50):
        tracker(next(seen), moment / 30)
    yield "20 boxes followed", lambda: tracker(next(seen), 50 / 30)


def counted(classifier: Path, detector: Path) -> dict[str, int]:
    """Counts it all."""
    with ExitStack() as stack:
        return {name: instructions(call) for name, call in work(classifier, detector, stack)}


@pytest.mark.skipif(PYTHON not in KEPT, reason=f"nothing was counted with Python {PYTHON} yet")
def test_no_frame_takes_more_python(int8_file, int8_detector):
    found, kept = counted(int8_file, int8_detector), KEPT[PYTHON]
    assert set(found) == set(kept)
    grown = {name: f"{kept[name]} to {count}" for name, count in found.items() if count > (1 + ALLOWED) * kept[name]}
    assert not grown


def test_a_loop_more_is_counted():
    def some(times: int) -> Callable[[], object]:
        return lambda: [time + 1 for time in range(times)]

    assert instructions(some(1000)) > 2 * instructions(some(400)) > 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        files = bench_models.classifier(Path(name) / "a.tflite"), bench_models.detector(Path(name) / "b.tflite")
        REFERENCE.write_text(json.dumps(KEPT | {PYTHON: counted(*files)}, indent=2) + "\n")
    print(REFERENCE.read_text())

"""A frame in a running program leaves nothing behind, and needs no picture-sized memory of its own."""

import tracemalloc
from pathlib import Path

import pytest
from hot_path import finding

from edgetl import Model

FRAMES = 500


@pytest.mark.parametrize(("kind", "most"), [("classifier", 4_000), ("detector", 60_000)])
def test_steady_state_allocates_no_picture(int8_file, int8_detector, patches, kind, most):
    """NumPy tells `tracemalloc` of its arrays: an input alone has 150 kB, a frame 900."""
    with Model.open({"classifier": int8_file, "detector": int8_detector}[kind], threads=1) as model:
        if kind == "detector":
            model.only = finding(model, patches, 10)
        for _ in range(20):
            model(patches)
        tracemalloc.start()
        try:
            model(patches)
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            for _ in range(FRAMES):
                model(patches)
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < 2_000
    assert peak - before < most


def test_memory_of_the_process_stays(int8_file, patches):
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    with Model.open(int8_file, threads=1) as model:
        for _ in range(2000):
            model(patches)
        before = resident()
        for _ in range(5000):
            model(patches)
        assert resident() - before < 1_000_000

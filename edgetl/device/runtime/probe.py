"""The process in which a model file that nothing vouches for is tried: loaded, and run twice.

The parent, see `edgetl.device.runtime.vouch`, bounds its memory and its time, and survives its crash.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from edgetl.device.runtime import RUNTIMES, Runtime, load_runtime, require_runtime
from edgetl.errors import EdgetlError

SECONDS = 60
"""A file must be loaded and run twice within so many seconds of processor time."""
ROOM = 2 << 30
"""The address space that it may take beyond what the library takes, bytes; memory itself is bounded by the parent."""
REFUSED, NO_MEMORY = 3, 4
"""The exit codes of a file that is refused, with a line of JSON that says why, and of one that asked for too much."""


def main(name: str, path: str) -> None:
    """Tries a file, and ends the process.

    Args:
        name: a key of `RUNTIMES`.
        path: of the model file.
    """
    assert name in RUNTIMES
    require_runtime(name)
    _limit(ROOM + 4 * Path(path).stat().st_size)
    code = 0
    try:
        _run_twice(load_runtime(name, Path(path), 1))
    except MemoryError:
        code = NO_MEMORY
    except Exception as error:  # whatever the library makes of a damaged file
        code = REFUSED
        what, remedy = (error.what, error.remedy) if isinstance(error, EdgetlError) else (str(error), "")
        print(json.dumps({"what": what[:500], "remedy": remedy}), flush=True)  # noqa: T201 - to the parent
    os._exit(code)  # nothing that the library does at its end may hide the answer


def _run_twice(runtime: Runtime) -> None:
    view = runtime.input_view()
    noise = np.random.default_rng(0).integers(0, 256, view.shape, np.uint8)
    for pixels in (np.zeros(view.shape, np.uint8), noise):
        view = runtime.input_view()
        view[...] = pixels.view(view.dtype) if view.dtype.itemsize == 1 else pixels
        del view
        runtime.invoke()
        for index in range(len(runtime.outputs)):
            runtime.output_view(index).copy()
    runtime.close()


def _limit(room: int) -> None:
    """Bounds the address space, the processor time, and the core file of a crash; where the system can't, nothing."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The child process of the sandbox: it loads an unknown model file and runs it twice.

The parent, `edgetl.device.runtime.sandbox`, limits the child's memory and time, and survives its crash.
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
"""A file must be loaded and run twice within this much processor time, s; a large model takes a few seconds."""
ROOM = 2 << 30
"""The address space that a file may take beyond that of the library, bytes; the parent limits the memory in use."""
REFUSED, NO_MEMORY = 3, 4
"""The exit codes for a file that the library refuses, with a line of JSON that says why, and for one that exhausts the
memory."""


def main(name: str, path: str) -> None:
    """Loads a model file, runs it twice, and ends the process.

    Args:
        name: the runtime, a key of `RUNTIMES`.
        path: the model file.
    """
    assert name in RUNTIMES
    require_runtime(name)
    _limit_resources(ROOM + 4 * Path(path).stat().st_size)
    code = 0
    try:
        _run_twice(load_runtime(name, Path(path), 1))
    except MemoryError:
        code = NO_MEMORY
    except Exception as error:  # a library may raise any exception for a damaged file
        code = REFUSED
        what, remedy = (error.what, error.remedy) if isinstance(error, EdgetlError) else (str(error), "")
        print(json.dumps({"what": what[:500], "remedy": remedy}), flush=True)  # noqa: T201 - the parent reads it
    os._exit(code)  # a crash of the library at its end must not hide the result


def _run_twice(runtime: Runtime) -> None:
    """Runs a model on a black picture and on noise, because some damage shows only with certain numbers."""
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


def _limit_resources(room: int) -> None:
    """Limits address space and processor time, and prevents a core file; does nothing if the system can't.

    Args:
        room: the address space that may be taken beyond that of now, bytes.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main(*sys.argv[1:])

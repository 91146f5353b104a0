"""Libraries that chatter on the console, used without their chatter."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet_output() -> Iterator[None]:
    """Sends stdout and stderr, Python's and the process's own that C++ libraries use, nowhere for the block.

    Exceptions pass.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with open(os.devnull, "w") as text, redirect_stdout(text), redirect_stderr(text):  # noqa: PTH123 - not a Path
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)

"""Goes on with a piece of work when the connection that asked for it dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def in_own_session(work: Callable[[], int]) -> int:
    """Does work in a child process with a session of its own, and waits for its end.

    The end of the connection ends this process at most. The child gets none of the terminal's signals, and ignores
    SIGHUP.

    Args:
        work: the work, which returns an exit code.

    Returns:
        The exit code; that of a shell if a signal ended the child.
    """
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setsid()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            code = work()
        except BaseException:  # the parent's code must not run here, too
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code

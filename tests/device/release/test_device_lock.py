"""One process at a time changes the device's releases, and a dead one blocks nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from edgetl.device.release.device_lock import device_lock, holder_text, is_locked
from edgetl.locks import BusyError

HOLD = """
import sys, time
from pathlib import Path
from edgetl.device.release.device_lock import device_lock
with device_lock(Path(sys.argv[1]), "bob@laptop"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_killed_holder_is_taken_over(root):
    with subprocess.Popen([sys.executable, "-c", HOLD, root], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(BusyError, match=rf"bob@laptop, process {holder.pid}, since 20"), device_lock(root, "ann"):
            pass
        holder.kill()
    with device_lock(root, "ann@desk"):
        assert is_locked(root)
        assert holder_text(root).startswith("ann@desk")
    assert not is_locked(root)


def test_another_holder_is_waited_for(root):
    entered = threading.Event()

    def hold():
        with device_lock(root, "bob"):
            entered.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    with device_lock(root, "ann", wait=30):
        assert holder_text(root).startswith("ann")
    thread.join()

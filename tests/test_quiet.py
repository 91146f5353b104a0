from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from edgetl.device.stop import stop_on_signals
from edgetl.quiet import quiet_output


def test_output_of_python_and_of_the_process_is_discarded(capfd):
    with quiet_output():
        print("python")
        os.write(1, b"library")
        os.write(2, b"library")
    os.write(1, b"after")
    assert capfd.readouterr() == ("after", "")


def test_a_library_that_configures_logging_in_the_block_leaves_no_handler_of_the_root_and_no_closed_stream():
    program = """
import logging
from edgetl.quiet import quiet_output
with quiet_output():
    logging.basicConfig()
    logging.getLogger("library").addHandler(logging.StreamHandler())
logging.getLogger("library").error("later")
print(logging.getLogger().handlers)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "later\n")


def test_a_program_without_streams_can_silence_a_library_and_print_progress(tmp_path):
    program = """
import os, sys
os.close(1), os.close(2)
sys.stdout = sys.stderr = None
from edgetl import PrintProgress
from edgetl.quiet import quiet_output
PrintProgress().message("nobody reads this")
with quiet_output():
    print("library")
open(sys.argv[1], "w").write("done")
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "end")], check=True)
    assert (tmp_path / "end").read_text() == "done"


def swallow():
    with quiet_output(), suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def turn_into_another():
    with quiet_output():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError from None


@pytest.mark.parametrize("library", [swallow, turn_into_another])
def test_an_interruption_that_a_library_suppresses_is_raised_at_the_end(library):
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            library()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_run_that_notes_a_signal_is_not_interrupted():
    with stop_on_signals() as stop:
        with quiet_output():
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()


def test_errors_pass():
    with pytest.raises(KeyError), quiet_output():
        raise KeyError


def test_two_threads_leave_the_streams_as_they_were(capfd):
    """Blocks that overlap the wrong way round: the first ends while the second is still silent."""
    out, err = sys.stdout, sys.stderr
    first_in, second_done = threading.Event(), threading.Event()

    def second():
        first_in.wait(5)
        with quiet_output():
            second_done.wait(0.3)

    thread = threading.Thread(target=second)
    thread.start()
    with quiet_output():
        first_in.set()
        time.sleep(0.1)
    thread.join(5)
    assert (sys.stdout, sys.stderr) == (out, err)
    os.write(1, b"after")
    assert capfd.readouterr() == ("after", "")


def test_blocks_can_be_nested():
    with quiet_output(), quiet_output():
        pass

"""A signal ends a command wherever it arrives: also in a callback whose exceptions Python swallows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SWALLOWED = """
import gc, os, signal, sys, time, weakref
from contextlib import suppress
from edgetl.cli.interruption import interruptible

kind, number, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell's foreground
left = [times]

def raise_signal(*args):
    if left[0]:
        left[0] -= 1
        os.kill(os.getpid(), number)
        for _ in range(1000):
            pass  # here Python calls the handler

class Thing:
    if kind == "del":
        __del__ = raise_signal

def meet():
    if kind == "gc":
        gc.collect()
    if kind == "lost":  # as C code does that asks for an attribute
        with suppress(BaseException):
            raise_signal()
    thing = Thing()
    if kind == "weakref":
        weakref.ref(thing, raise_signal)
        kept.append(weakref.ref(thing, raise_signal))
    del thing

kept = []
if kind == "gc":
    gc.callbacks.append(raise_signal)
try:
    with interruptible():
        for _ in range(times):
            meet()
        time.sleep(60)  # the rest of a long training
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize("kind", ["gc", "del", "weakref", "lost"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_swallowed_signal_ends_the_command_all_the_same(kind, number):
    command = [sys.executable, "-c", SWALLOWED, kind, str(int(number)), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_signal_that_is_swallowed_several_times_ends_the_command():
    command = [sys.executable, "-c", SWALLOWED, "gc", str(int(signal.SIGTERM)), "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_other_swallowed_errors_are_shown_as_ever():
    code = """
from edgetl.cli.interruption import interruptible
class Thing:
    def __del__(self):
        raise ValueError("a mistake of somebody's")
with interruptible():
    Thing()
print("went on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert "a mistake of somebody's" in done.stderr


def test_notes_of_an_error_that_became_an_interruption_are_kept():
    from edgetl.cli.interruption import interruptible, notes_of

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    error = RuntimeError("a library's")
    error.add_note("how to go on")

    def turn_into_an_error():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise error from None

    try:
        with pytest.raises(KeyboardInterrupt) as ended, interruptible():
            turn_into_an_error()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert notes_of(ended.value) == ["how to go on"]


def test_notes_of_an_error_that_is_its_own_cause_are_found():
    from edgetl.cli.interruption import notes_of

    error = RuntimeError("once")
    error.add_note("how to go on")
    error.__cause__ = error
    assert notes_of(error) == ["how to go on"]

"""What a run waits for while it opens, and how a signal ends the wait."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from edgetl.device import stop as signals
from edgetl.device.stop import Stop, Stopped, stop_on_signals, unless_stopped


def test_the_caller_gets_the_value_or_the_error_of_a_call():
    assert unless_stopped(lambda: 7, Stop()) == 7
    with pytest.raises(ZeroDivisionError):
        unless_stopped(lambda: 1 / 0, Stop())


def test_nothing_is_opened_after_a_run_was_asked_to_end():
    stop, calls = Stop(), []
    stop.set()
    with pytest.raises(Stopped):
        unless_stopped(lambda: calls.append(1), stop)
    assert not calls


def test_a_call_that_never_returns_is_left_behind(monkeypatch):
    monkeypatch.setattr(signals, "_GRACE", 0.05)
    stop, never = Stop(), threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Stopped):
        unless_stopped(never.wait, stop)
    never.set()


def test_an_object_opened_in_the_last_moment_is_returned():
    stop = Stop()

    def opened():
        stop.set()
        time.sleep(0.05)
        return "a file"

    assert unless_stopped(opened, stop) == "a file"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_each_ending_signal_asks_a_run_to_end(number):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.is_set()
    assert signal.getsignal(number) == before


def test_an_ignored_hangup_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_old_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), stop_on_signals():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) is before

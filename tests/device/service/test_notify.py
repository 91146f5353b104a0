"""The messages of a run to its service manager: ready after the first result, alive as long as results come."""

from __future__ import annotations

import os
import threading
import time

import pytest
from cameras import MjpegCamera
from fakes import FakeCamera, camera_frame, classified, observed, solid
from service_manager import ServiceManager

import edgetl
from edgetl.device.events import Event
from edgetl.device.run import loop
from edgetl.device.service.notify import RunLimits, RunStatus, ServiceNotifier

LIMITS = RunLimits(opening=120.0, silence=10.0, loss=300.0)
LOST = Event("camera_lost", 1.0, "camera lost: no frame has come for 5.0 s; opening it again")


def result(index, age_ms=5.0):
    return observed(camera_frame(index), classified(), age_ms=age_ms)


@pytest.fixture
def notifier(manager):
    with ServiceNotifier.from_environment(LIMITS) as opened:
        yield opened


def test_it_is_ready_after_the_first_result_and_not_before(manager, notifier):
    manager.wait_for(lambda: manager.messages)
    assert "READY=1" not in manager.lines
    assert manager.start_timeout > LIMITS.opening
    notifier.write(result(0, age_ms=44.6))
    manager.wait_for(lambda: manager.ready_at)
    assert manager.messages[-1] == ["STATUS=results 1, age 45 ms", "READY=1", "WATCHDOG=1"]


def test_a_status_counts_all_results_and_has_the_largest_age_since_the_last_one(manager, notifier, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("edgetl.device.service.notify.monotonic", lambda: now[0])
    for index in range(60):
        now[0] = 100.0 + index / 30
        notifier.write(result(index, age_ms=300.0 if index == 7 else 5.0))
    manager.wait_for(lambda: len(manager.messages) == 3)
    assert [message[0] for message in manager.messages] == [
        "STATUS=starting",
        "STATUS=results 1, age 5 ms",
        "STATUS=results 31, age 300 ms",
    ]
    assert manager.messages[-1] == ["STATUS=results 31, age 300 ms", "WATCHDOG=1"]


def test_a_short_watchdog_is_fed_several_times_in_its_time(tmp_path, monkeypatch):
    with ServiceManager(str(tmp_path / "notify"), watchdog=2.0) as manager:
        limits = RunLimits(opening=1.0, silence=1.0, loss=1.0)
        now = [0.0]
        monkeypatch.setattr("edgetl.device.service.notify.monotonic", lambda: now[0])
        with ServiceNotifier.from_environment(limits, manager.environment) as notifier:
            for index in range(200):
                now[0] += 0.01
                notifier.write(result(index))
        manager.wait_for(lambda: manager.lines.count("WATCHDOG=1") == 4)


def test_a_lost_camera_makes_the_watchdog_wait_and_the_next_result_sets_its_time_again(manager, notifier):
    notifier.write(result(0))
    notifier.notify(LOST)
    manager.wait_for(lambda: manager.watchdog > LIMITS.loss)
    assert manager.status == "results 1, camera lost"
    notifier.write(result(1))
    manager.wait_for(lambda: manager.watchdog == 60)
    assert manager.status == "results 2, age 5 ms"


def test_other_events_say_nothing(manager, notifier):
    notifier.write(result(0))
    notifier.notify(Event("dark", 1.0, "the picture is dark"))
    manager.wait_for(lambda: manager.ready_at)
    assert len(manager.messages) == 2


def test_a_run_that_is_meant_to_be_slow_gets_a_longer_watchdog(manager):
    with ServiceNotifier.from_environment(RunLimits(1.0, 200.0, 300.0)) as notifier:
        notifier.write(result(0))
        manager.wait_for(lambda: manager.watchdog == 200)


def test_another_process_of_the_service_does_not_feed_the_watchdog(manager):
    environment = manager.environment | {"WATCHDOG_PID": str(os.getpid() + 1)}
    with ServiceNotifier.from_environment(LIMITS, environment) as notifier:
        notifier.write(result(0))
        manager.wait_for(lambda: manager.ready_at)
    assert "WATCHDOG=1" not in manager.lines


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_socket_there_is_no_notifier(environment):
    assert ServiceNotifier.from_environment(LIMITS, environment) is None


def test_an_abstract_socket_is_reached():
    with ServiceManager(f"@edgetl-test-{os.getpid()}") as manager:
        with ServiceNotifier.from_environment(LIMITS, manager.environment) as notifier:
            notifier.write(result(0))
        manager.wait_for(lambda: manager.ready_at)


def test_a_manager_that_is_not_there_does_not_end_a_run_and_is_named_once(tmp_path, caplog):
    environment = {"NOTIFY_SOCKET": str(tmp_path / "nowhere"), "WATCHDOG_USEC": "4000"}
    with ServiceNotifier.from_environment(LIMITS, environment) as notifier:
        for index in range(3):
            notifier.write(result(index))
            time.sleep(0.002)
    assert len(caplog.messages) == 1


def test_ready_is_sent_again_if_the_manager_was_not_there(tmp_path):
    address = str(tmp_path / "notify")
    with ServiceNotifier(address, None, LIMITS) as notifier:
        notifier.write(result(0))
        notifier.notify(LOST)
        with ServiceManager(address) as manager:
            notifier.write(result(1))
            manager.wait_for(lambda: manager.ready_at)


@pytest.mark.parametrize("status", [RunStatus(1234, 45.0), RunStatus(0, None)])
def test_a_status_is_read_as_it_was_written(status):
    assert RunStatus.parse(str(status)) == status


def test_other_texts_are_no_status():
    assert RunStatus.parse("starting") is None


def test_the_watchdog_fires_when_results_stop_while_the_process_lives(bundle, tmp_path, monkeypatch):
    """A sink hangs, as a file on a dead network drive can."""
    hangs, stop = threading.Event(), edgetl.Stop()

    class Hanging:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def notify(self, event):
            pass

        def write(self, observation):
            if observation.frame.index > 20:
                hangs.set()
                while not stop.is_set():
                    time.sleep(0.01)

    with MjpegCamera(fps=100) as camera, ServiceManager(str(tmp_path / "notify"), watchdog=0.5) as manager:
        for name, value in manager.environment.items():
            monkeypatch.setenv(name, value)
        settings = edgetl.RunSettings(model=bundle, source=camera.address, stall=0.1)
        run = threading.Thread(target=edgetl.run, args=(settings,), kwargs={"sinks": [Hanging()], "stop": stop})
        run.start()
        assert hangs.wait(60)
        manager.wait_for(lambda: manager.ready_at)
        manager.wait_for(lambda: manager.watchdog_fired)
        assert run.is_alive()
        stop.set()
        run.join()


def test_a_run_whose_camera_is_away_is_alive_until_it_gives_up(bundle, manager):
    with MjpegCamera(fps=100) as camera:
        settings = edgetl.RunSettings(model=bundle, source=camera.address, stall=0.2, give_up=77.0)
        stop = edgetl.Stop()
        run = threading.Thread(target=edgetl.run, args=(settings,), kwargs={"stop": stop})
        run.start()
        manager.wait_for(lambda: manager.ready_at)
        camera.kill()
        manager.wait_for(lambda: manager.watchdog == 77 + 30)
        assert "camera lost" in manager.status
        stop.set()
        run.join()


def test_a_run_under_no_manager_has_no_notifier(bundle, film, monkeypatch):
    """Nothing is opened, and nothing is called for a frame."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    got = []
    monkeypatch.setattr(loop, "run", lambda _, __, sinks, **___: got.extend(sinks) or loop.Summary(0, 0, 0.0, 0.0))
    edgetl.run(edgetl.RunSettings(model=bundle, source=str(film)))
    assert got == []


def test_a_sink_that_fails_is_not_followed_by_a_message(model, manager):
    """The notifier is the last sink, so that it speaks only of frames that every sink has got."""

    class Failing(FakeCamera):
        def write(self, observation):
            raise edgetl.EdgetlError("the disk is full")

        def notify(self, event):
            pass

    with ServiceNotifier.from_environment(LIMITS) as notifier, pytest.raises(edgetl.EdgetlError):
        loop.run(model, FakeCamera([solid(2)]), [Failing([]), notifier])
    assert "READY=1" not in manager.lines

"""A release replaces the running one only after it has proved itself; otherwise the earlier one comes back."""

from __future__ import annotations

import json

import pytest
from device_releases import write_release

from edgetl.device.release.device_facts import current_digest
from edgetl.device.release.history import read_history
from edgetl.device.release.list_releases import device_status, list_releases
from edgetl.device.release.prune import prune
from edgetl.device.release.receive import receive
from edgetl.device.release.switch import ReleaseSwitch
from edgetl.errors import EdgetlError, GateError, ModelError, UsageError


def outcomes(root):
    return [(switch.release, switch.previous, switch.outcome) for switch in read_history(root)]


def test_a_release_that_gives_results_is_kept(root, device, installed, service):
    first, second = installed(), installed(model="better")
    assert device.switch(first) == {"release": first, "previous": None, "changed": True}
    began = service.now
    assert device.switch(second) == {"release": second, "previous": first, "changed": True}
    assert 60 <= service.now - began < 70
    assert current_digest(root) == second
    assert outcomes(root) == [(first, None, "proved"), (second, first, "proved")]
    assert device_status(root)["proved"] is True
    assert (root / "deploy.log").read_text().count("watch") == 4


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ("dies", "ended during its watch"),
        ("restarts", "ended during its watch"),
        ("silent", "no result came within 60 s"),
        ("can't start", "ended before its first result"),
        ("stalls", "results stopped"),
        ("loses the camera", "results stopped"),
        ("lags", "ms old"),
    ],
)
def test_a_run_that_fails_is_rolled_back_by_itself(root, device, installed, service, run, reason):
    first, second = installed(), installed(run)
    device.switch(first)
    with pytest.raises(GateError, match=reason) as raised:
        device.switch(second)
    assert raised.value.exit_code == 5
    assert f"{first} is back and gives results" in str(raised.value)
    assert (current_digest(root), service.run) == (first, "good")
    assert outcomes(root)[-1] == (second, first, "rolled back")
    assert device.rollback_target() is None


def test_the_first_release_has_nothing_to_go_back_to_and_says_so(root, device, installed, service):
    digest = installed("dies")
    with pytest.raises(GateError, match="no earlier release to return to, so the service was stopped"):
        device.switch(digest)
    assert current_digest(root) is None
    assert service.calls[-2:] == ["stop", "disable"]
    assert outcomes(root) == [(digest, None, "rolled back")]


def test_what_cannot_run_is_refused_before_anything_is_changed(root, device, installed, service):
    first = installed()
    device.switch(first)
    calls = len(service.calls)
    tampered, no_env = installed(model="other"), write_release(root, model="third")
    (root / "releases" / tampered / "run.toml").write_text('source = "1"\n')
    with pytest.raises(ModelError):
        device.switch(tampered)
    receive(root, no_env)
    (root / "releases" / no_env / "verified.json").write_text("{}")
    (root / "releases" / first / "env").resolve().rename(root / "envs" / "elsewhere")
    with pytest.raises(UsageError, match="environment is not complete"):
        device.switch(no_env)
    with pytest.raises(UsageError, match="no release"):
        device.switch("0" * 16)
    assert len(service.calls) == calls
    assert current_digest(root) == first


def test_a_device_without_a_service_gets_one_with_its_first_release(root, device, installed, service):
    digest = installed()
    bare = ReleaseSwitch(root, device.log, device.watch, find_service=lambda: None)
    with pytest.raises(UsageError, match="no service"):
        bare.switch(digest)
    assert current_digest(root) is None

    def install():
        service.restart()
        return service

    ReleaseSwitch(root, device.log, device.watch, install, find_service=lambda: None).switch(digest)
    assert (current_digest(root), service.run) == (digest, "good")


def test_a_service_that_runs_something_else_is_left_alone(root, device, installed, service):
    digest = installed()
    service.unit_path.write_text("[Service]\nExecStart=/usr/bin/python3 -m edgetl run parts\n")
    with pytest.raises(UsageError, match="runs something else"):
        device.switch(digest)
    assert service.calls == []
    assert current_digest(root) is None


def test_a_repeated_switch_leaves_the_running_release_alone(device, installed, service):
    digest = installed()
    device.switch(digest)
    calls = list(service.calls)
    assert device.switch(digest)["changed"] is False
    assert service.calls == calls
    service.stop()
    assert device.switch(digest)["changed"] is True


def test_after_an_interrupted_watch_the_way_back_leads_to_the_last_release_that_proved_itself(
    root, device, installed, service, monkeypatch
):
    first, second, third = installed(), installed(model="better"), installed("dies")
    device.switch(first)
    monkeypatch.setattr(type(device.watch), "results", lambda *_: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):  # as a kill or a power cut would
        device.switch(second)
    monkeypatch.undo()
    assert current_digest(root) == second
    assert device_status(root)["proved"] is False
    with pytest.raises(GateError, match=f"{first} is back"):
        device.switch(third)
    device.switch(second)
    assert outcomes(root)[-1] == (second, first, "proved")


def test_a_rollback_by_hand_goes_back_one_release_at_a_time(root, device, installed):
    digests = [installed(model=f"weights {number}", created=str(number)) for number in range(3)]
    for digest in digests:
        device.switch(digest)
    assert device.rollback() == {"release": digests[1], "previous": digests[2]}
    assert device.rollback() == {"release": digests[0], "previous": digests[1]}
    with pytest.raises(UsageError, match="no earlier release"):
        device.rollback()
    assert [outcome for _, _, outcome in outcomes(root)][-2:] == ["by hand", "by hand"]
    assert device.switch(digests[2])["previous"] == digests[0]


def test_a_full_disk_is_found_before_the_switch(root, device, installed, monkeypatch):
    first, second = installed(), installed(model="better")
    device.switch(first)
    monkeypatch.setattr("edgetl.device.release.switch._LEAST_FREE", 1 << 62)
    with pytest.raises(EdgetlError, match="disk is full"):
        device.switch(second)
    assert current_digest(root) == first


def test_a_line_that_a_power_cut_has_cut_short_is_left_out(root, device, installed):
    first, second = installed(), installed(model="better")
    device.switch(first)
    with (root / "history.jsonl").open("a") as file:
        file.write('{"time": "2026-11')
    device.switch(second)
    assert [release for release, _, _ in outcomes(root)] == [first, second]
    assert json.loads((root / "history.jsonl").read_text().splitlines()[-1])["outcome"] == "proved"


def test_prune_keeps_the_current_release_and_the_one_before_it(root, device, installed):
    digests = [installed(model=f"weights {number}", created=str(number)) for number in range(5)]
    device.switch(digests[0])
    device.switch(digests[1])
    (root / "envs" / ("e" * 16)).mkdir()
    (root / "wheels" / "old-1.0-py3-none-any.whl").write_text("old")
    done = prune(root, 3)
    assert sorted(done["removed"]) == sorted(digests[2:4])
    assert done["envs"] == ["e" * 16]
    assert done["wheels"] == ["old-1.0-py3-none-any.whl"]
    assert prune(root, 1)["removed"] == [digests[4]]
    assert [row["digest"] for row in list_releases(root)] == [digests[1], digests[0]]
    assert [row["previous"] for row in list_releases(root)] == [False, True]
    assert device.rollback()["release"] == digests[0]
    with pytest.raises(UsageError):
        prune(root, 0)

"""Several devices: the list, the canary, and the table of results."""

from __future__ import annotations

import threading

import pytest

from edgetl.errors import EdgetlError, GateError, UsageError
from edgetl.host.deploy.deployment import Deployment
from edgetl.host.deploy.hosts_file import read_hosts
from edgetl.host.deploy.roll_out import roll_out
from edgetl.progress import reporting


class Lines:
    def __init__(self):
        self.lines = []

    def message(self, text):
        self.lines.append(text)

    def advance(self, work, done, total, note=""):
        pass


def deployed(host):
    return Deployment(host, "0123456789abcdef", None, 1000, 1.0, switched=True)


def test_the_list_may_be_a_list_or_an_inventory(tmp_path):
    file = tmp_path / "hosts"
    file.write_text(
        "# all of them\npi@hall\nyard ; the oldest\n\n[gates]\ngate1 ansible_host=10.0.0.7 ansible_user=pi\n"
        "gate2 ansible_port=2222\nyard\n[gates:vars]\nansible_user=nobody\n"
    )
    assert read_hosts(file) == ["pi@hall", "yard", "pi@10.0.0.7", "ssh://gate2:2222"]


@pytest.mark.parametrize("text", ["", "# nobody\n", None, b"\xff\xfe", "pi\n-oProxyCommand=x\n"])
def test_a_list_without_devices_or_with_a_wrong_one_is_refused(tmp_path, text):
    file = tmp_path / "hosts"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as caught:
        read_hosts(file)
    assert caught.value.remedy


def test_all_devices_come_after_the_canary_and_a_few_at_once():
    running, most, order, lock = set(), 0, [], threading.Lock()
    both = threading.Barrier(2, timeout=20)

    def one(host):
        nonlocal most
        with lock:
            running.add(host)
            order.append(host)
            most = max(most, len(running))
        if host != "a":
            both.wait()
        with lock:
            running.discard(host)
        return deployed(host)

    done = roll_out(["a", "b", "c", "d", "e"], one, parallel=2)
    assert order[0] == "a"
    assert most == 2
    assert [(result.host, result.state) for result in done.results] == [(host, "deployed") for host in "abcde"]
    done.require_all()


def test_a_failing_canary_stops_the_roll_out():
    tried = []

    def one(host):
        tried.append(host)
        raise GateError("no result came within 60 s", remedy="look")

    done = roll_out(["a", "b", "c"], one, parallel=4)
    assert tried == ["a"]
    assert [result.state for result in done.results] == ["failed", "not tried", "not tried"]
    assert "no result came" in str(done).splitlines()[0]
    with pytest.raises(GateError, match="the others were not tried"):
        done.require_all()


def test_a_later_device_that_fails_does_not_stop_the_others():
    def one(host):
        if host == "b":
            raise EdgetlError("no connection")
        return deployed(host)

    done = roll_out(["a", "b", "c"], one, parallel=1)
    assert [result.state for result in done.results] == ["deployed", "failed", "deployed"]
    with pytest.raises(EdgetlError, match="1 device of 3 failed: b") as caught:
        done.require_all()
    assert caught.value.exit_code == 1
    assert [row["exit_code"] for row in done.to_dict()] == [0, 1, 0]


def test_each_message_names_its_device():
    from edgetl.progress import current

    def one(host):
        current().message("check\ncopy")
        return deployed(host)

    lines = Lines()
    with reporting(lines):
        roll_out(["a", "b"], one, parallel=4)
    assert sorted(lines.lines) == ["a: check\na: copy", "b: check\nb: copy"]

"""Addresses of MQTT brokers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgetl.device.sinks.mqtt.address import Address
from edgetl.errors import UsageError


def test_addresses_are_parsed():
    address = Address.parse("mqtts://cam:pa%40ss@broker.lan/upstairs/hall/")
    assert (address.host, address.port, address.tls) == ("broker.lan", 8883, True)
    assert (address.prefix, address.user, address.password) == ("upstairs/hall", "cam", "pa@ss")
    assert str(address) == "mqtts://broker.lan:8883/upstairs/hall"
    address = Address.parse("mqtt://[::1]:1999")
    assert (address.host, address.port, address.tls, address.prefix) == ("::1", 1999, False, "edgetl")


def test_the_password_file_precedes_the_environment_and_that_the_url(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text("from file\n")
    url = "mqtt://cam:from-url@localhost"
    assert Address.parse(url).password == "from-url"
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "from environment")
    assert Address.parse(url).password == "from environment"
    assert Address.parse(url, password_file=file).password == "from file"
    with pytest.raises(UsageError, match="can't be read") as caught:
        Address.parse(url, password_file=tmp_path / "missing")
    assert "from" not in str(caught.value).replace("can't be read", "")
    assert len(Address.parse(url, password_file=Path("/dev/zero")).password) < 10_000


@pytest.mark.parametrize(
    "url",
    [
        "localhost", "http://u:secret@localhost", "mqtt://", "mqtt://u:secret@", "mqtt://u:secret@localhost:port",
        "mqtt://u:secret@localhost:99999", "mqtt://u:secret@localhost/a/#", "mqtt://u:secret@localhost/a//b",
        "mqtt://u:secret@localhost/+", "mqtt://u:secret@[::1",
    ],
)  # fmt: skip
def test_an_invalid_address_is_an_error_that_does_not_show_the_password(url):
    with pytest.raises(UsageError) as caught:
        Address.parse(url)
    assert "mqtt://user@host:1883/prefix" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_certificates_are_for_tls_only_and_must_be_readable(tmp_path):
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(UsageError, match="mqtts:// only"):
        Address.parse("mqtt://localhost", ca=tmp_path / "ca.pem")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(UsageError, match="can't be read"):
            Address.parse("mqtts://localhost", ca=tmp_path / name)

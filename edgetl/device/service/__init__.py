"""Keeps `edgetl run` alive under systemd: the unit, `systemctl`, and the messages of a run to its manager."""

"""Publishes results and events to an MQTT broker."""

"""Results to an MQTT broker."""

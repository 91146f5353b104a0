"""Checks that this device computes what the workstation measured, by replaying golden photos."""

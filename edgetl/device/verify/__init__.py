"""Proof that this device computes what the workstation measured."""

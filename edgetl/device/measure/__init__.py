"""Describes this machine and measures how fast it runs a model."""

"""Evaluation: how accurate a classifier or a detector is on labelled photos."""

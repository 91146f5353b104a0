"""Keras networks: stored ones, their files, and what they are built with."""

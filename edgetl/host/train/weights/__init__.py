"""Finds and loads the weights that a training begins with."""

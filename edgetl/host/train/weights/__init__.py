"""The weights that a training starts from."""

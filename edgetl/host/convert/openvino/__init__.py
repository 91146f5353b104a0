"""Converts Keras models to OpenVINO's IR."""

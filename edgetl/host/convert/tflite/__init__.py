"""Converts Keras models to `.tflite` files."""

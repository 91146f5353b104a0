"""Trains classifiers and detectors by transfer learning in plain Keras 3; nothing here imports TensorFlow."""

"""Transfer learning in plain Keras 3: no TensorFlow import here."""

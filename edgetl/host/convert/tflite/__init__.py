"""From a Keras model to `.tflite`."""

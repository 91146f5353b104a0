"""From a Keras model to OpenVINO's IR."""

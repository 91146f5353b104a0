"""Opens stored models and weights files as Keras networks."""

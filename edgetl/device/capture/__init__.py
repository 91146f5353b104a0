"""Takes labelled photos with a camera: what `edgetl capture` does."""

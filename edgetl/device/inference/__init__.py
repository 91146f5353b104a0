"""From a frame to a result: model files, heads, scaling."""

"""The live loop: from a source of frames to the sinks."""

"""Judges features of photos in seconds, by heads that need no gradient steps, on photos they did not learn from."""

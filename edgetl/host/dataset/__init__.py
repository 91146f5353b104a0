"""Data sets: reading, checking, splitting and caching folders of labelled photos."""

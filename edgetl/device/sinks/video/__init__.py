"""Saves films: one film, or a rolling film in pieces."""

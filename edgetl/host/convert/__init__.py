"""Converts a trained model into variants, measures each against the gate, and writes the bundle for a target."""

"""Arithmetic that the workstation and the device share; it needs NumPy and OpenCV only."""

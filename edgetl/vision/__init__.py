"""The maths that workstation and device share; NumPy and OpenCV only."""

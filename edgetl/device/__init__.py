"""What runs on the device: click, numpy, OpenCV and one runtime, nothing else."""

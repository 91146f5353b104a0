"""What runs on the workstation: data sets, training, conversion and its proof."""

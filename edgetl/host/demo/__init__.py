"""A data set and a film that the program draws itself, so that the main job can be shown anywhere."""

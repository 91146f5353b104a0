"""Shows all steps on a data set and a film that edgetl draws itself, without a network or photos."""

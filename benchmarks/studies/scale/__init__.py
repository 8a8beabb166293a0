"""Studies of what is larger than one run on one machine."""

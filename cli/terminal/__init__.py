"""What verbs show on the terminal while they run."""

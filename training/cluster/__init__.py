"""Folds of a run on the machines of a Ray cluster."""

"""Sweeps: one recipe with several values of some fields, compared on validation data."""

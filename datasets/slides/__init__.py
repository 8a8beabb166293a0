"""Whole-slide files: one interface, several readers."""

"""Rendered flights of an endoscope through a tube with known speed."""

"""Seconds a slide, and megapixels a second of the readers."""

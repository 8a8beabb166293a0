"""Readers of slide file formats, one module per format or library, and what they share."""

"""Watched examinations against the truth."""

"""Slides and results in object stores (S3, Google Cloud, Azure): found, read once, written so that the first wins."""

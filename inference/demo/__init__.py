"""The demonstrations: drawn inputs through the ordinary pipelines."""

"""Recipes and settings in YAML, found by name or by path."""

"""Rules for slides."""

"""Rules for pictures and their names."""

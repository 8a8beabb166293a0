"""Rules for videos."""

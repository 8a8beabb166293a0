"""Rules for tables, settings, archives and sets of pictures."""

"""The report that a doctor sees of an examination."""

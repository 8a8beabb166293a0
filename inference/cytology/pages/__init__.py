"""The pages that a doctor sees of a triage."""

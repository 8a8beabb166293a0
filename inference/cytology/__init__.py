"""Cervical cytology triage: a whole slide in, a disposition out."""

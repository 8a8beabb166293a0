"""Triage beyond one machine: what the engine costs, what a run survives, and what 100,000 slides take."""

"""The verbs that make synthetic data."""

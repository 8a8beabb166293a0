"""Readers of public datasets, one module per dataset."""

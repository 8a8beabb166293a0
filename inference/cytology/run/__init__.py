"""A run over many slides: workers, records, resuming."""

"""Pictures in: readers of public datasets, group-aware splits, synthetic images, and safe files (no torch)."""

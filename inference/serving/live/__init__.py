"""The pages of a live examination and of those before it."""

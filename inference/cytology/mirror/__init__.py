"""A run whose folder is in a store: worked on here, kept there."""

"""Recipes of training: their schema, finding and checking them."""

"""Fit a finished classifier to another laboratory with some hundred labelled cells of it."""

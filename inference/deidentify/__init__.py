"""Copies of slides and videos that do not say whose they are: only what is needed to see them is carried over."""

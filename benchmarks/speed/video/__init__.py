"""Milliseconds a frame."""

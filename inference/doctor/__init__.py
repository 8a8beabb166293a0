"""Checks of this machine and installation."""

"""Slides that come one by one: a folder that a scanner writes into, followed until the service is stopped."""

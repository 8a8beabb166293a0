"""Runtimes: the engines that run a model file, each chosen by name and verified to be the one that really runs."""

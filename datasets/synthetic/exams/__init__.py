"""Scripted examinations, and classifiers of sites that err as real ones do."""

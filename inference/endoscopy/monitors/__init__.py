"""Monitors that accumulate over time: speed, clocks, coverage, alerts."""

"""What an examination adds up to over time: speed, clocks, coverage, alerts."""

"""How good is it, and how sure are we: metrics with intervals, calibration, plots, reports (no torch)."""

"""Pictures through a shipped model: runtimes, prediction, reports (no torch)."""

"""The review desk, measured: speed in a browser and at the server, and what decisions do for a model."""

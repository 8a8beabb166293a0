"""Scripts that run inside a peer's own environment: they import nothing of the project, only each other."""

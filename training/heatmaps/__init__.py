"""Heat-map models: from labelled fields or masks to a network that finds places."""

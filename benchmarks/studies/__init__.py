"""Studies of accuracy and speed, each a command of its own; they come with the repository, not with the package."""

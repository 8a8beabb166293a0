"""How fast and how right, measured the same way every time."""

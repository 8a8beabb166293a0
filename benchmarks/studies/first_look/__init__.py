"""The first look over a whole slide: what it passes on, and a picture of it."""

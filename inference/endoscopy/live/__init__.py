"""A live examination: capture, AI and recorder as processes of their own around a ring of frames."""

"""Images a second."""

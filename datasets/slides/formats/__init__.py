"""The formats of slide files: what each reader needs to know of its own."""

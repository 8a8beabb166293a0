"""Endoscopy quality control: a stream in, a watched examination out."""

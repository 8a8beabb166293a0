"""Tiled TIFF: SVS, generic and OME pyramids."""

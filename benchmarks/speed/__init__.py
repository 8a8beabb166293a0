"""What ``unmissed bench`` measures: seconds per slide, milliseconds per frame, images and megapixels per second."""

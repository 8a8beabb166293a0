"""What ``unmissed bench`` measures: seconds a slide, milliseconds a frame, images a second, megapixels a second."""

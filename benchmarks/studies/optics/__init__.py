"""Whether a classifier of endoscopy pictures holds under optics and processors that it has never seen."""

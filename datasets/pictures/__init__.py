"""Pictures from disk: safe decoding, fitting, canvases; and what is read off heat maps."""

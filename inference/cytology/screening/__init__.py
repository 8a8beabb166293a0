"""One slide: from its pixels to findings, adequacy and a score."""

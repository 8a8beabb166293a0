"""What a single frame shows: its area, clarity, site, suspicious areas."""
